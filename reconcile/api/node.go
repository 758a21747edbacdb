package api

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var node = Of[*corev1.Node]{
	Version: "v1", Kind: "Node", Resource: "nodes", Singular: "node",
	ShortNames: []string{"no"},
	New:        func() *corev1.Node { return &corev1.Node{} },
	NewList:    func() runtime.Object { return &corev1.NodeList{} },
	Default:    defaultNode,
	// A node registers itself together with its first status, so creation keeps what it says.
	PrepareForUpdate:       func(n, old *corev1.Node) { n.Status = old.Status },
	PrepareForStatusUpdate: func(n, old *corev1.Node) { n.Spec = old.Spec },
	Validate:               validateNode,
	ValidateUpdate:         validateNodeUpdate,
	ValidateStatusUpdate:   func(n, _ *corev1.Node) field.ErrorList { return validateNodeStatus(n) },
	Fields: func(n *corev1.Node) fields.Set {
		return fields.Set{"spec.unschedulable": fmt.Sprint(n.Spec.Unschedulable)}
	},
	Columns: []metav1.TableColumnDefinition{
		nameColumn,
		column("Status", "string", "The status of the node"),
		column("Roles", "string", "The roles of the node"),
		ageColumn,
		column("Version", "string", "Version of the node's agent."),
		wide("Internal-IP", "string", "Address of the node inside its network."),
		wide("External-IP", "string", "Address of the node as seen from outside."),
		wide("OS-Image", "string", "Operating system of the node."),
		wide("Kernel-Version", "string", "Kernel of the node."),
		wide("Container-Runtime", "string", "Container engine of the node, with its version."),
	},
	Row: nodeRow,
}

// defaultNode lets Pods have all that the machine has, where the node does not say otherwise.
func defaultNode(n *corev1.Node) {
	if len(n.Status.Allocatable) == 0 {
		n.Status.Allocatable = n.Status.Capacity.DeepCopy()
	}
}

func nodeRow(n *corev1.Node, now time.Time) []any {
	info := n.Status.NodeInfo
	return []any{
		n.Name, nodeStatus(n), nodeRoles(n), age(n.CreationTimestamp, now), info.KubeletVersion,
		nodeAddress(n, corev1.NodeInternalIP), nodeAddress(n, corev1.NodeExternalIP),
		orUnknown(info.OSImage), orUnknown(info.KernelVersion), orUnknown(info.ContainerRuntimeVersion),
	}
}

// nodeStatus is "Ready", "NotReady" (also while its agent is silent) or "Unknown" (it never reported), with
// ",SchedulingDisabled" while it is cordoned.
func nodeStatus(n *corev1.Node) string {
	status := "Unknown"
	for _, condition := range n.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		status = "NotReady"
		if condition.Status == corev1.ConditionTrue {
			status = "Ready"
		}
	}
	if n.Spec.Unschedulable {
		status += ",SchedulingDisabled"
	}
	return status
}

const (
	rolePrefix = "node-role.kubernetes.io/" // the role is the rest of the label's key
	roleLabel  = "kubernetes.io/role"       // the role is the label's value
)

func nodeRoles(n *corev1.Node) string {
	var roles []string
	for key, value := range n.Labels {
		if role, ok := strings.CutPrefix(key, rolePrefix); ok && role != "" {
			roles = append(roles, role)
		} else if key == roleLabel && value != "" {
			roles = append(roles, value)
		}
	}
	if len(roles) == 0 {
		return none
	}
	slices.Sort(roles)
	return strings.Join(slices.Compact(roles), ",")
}

func nodeAddress(n *corev1.Node, kind corev1.NodeAddressType) string {
	for _, address := range n.Status.Addresses {
		if address.Type == kind {
			return address.Address
		}
	}
	return none
}

func orUnknown(s string) string {
	if s == "" {
		return "<unknown>"
	}
	return s
}
