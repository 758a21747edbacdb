package api

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/kubectl/pkg/util/qos"
	"k8s.io/utils/ptr"
)

var pod = Of[*corev1.Pod]{
	Version: "v1", Kind: "Pod", Resource: "pods", Singular: "pod",
	ShortNames: []string{"po"}, Categories: []string{"all"}, Namespaced: true,
	New:                    func() *corev1.Pod { return &corev1.Pod{} },
	NewList:                func() runtime.Object { return &corev1.PodList{} },
	Default:                defaultPod,
	PrepareForCreate:       preparePodForCreate,
	PrepareForUpdate:       preparePodForUpdate,
	PrepareForStatusUpdate: preparePodForStatusUpdate,
	Validate:               validatePod,
	ValidateUpdate:         validatePodUpdate,
	ValidateStatusUpdate:   validatePodStatusUpdate,
	Warnings:               podWarnings,
	GracePeriod:            podGracePeriod,
	Fields:                 podFields,
	Columns:                podColumns,
	Row:                    podRow,
}

// preparePodForCreate begins the Pod's life: Pending, of a quality-of-service class that never changes, and with the
// label keys of its spreading and affinity terms resolved against its own labels.
func preparePodForCreate(pod *corev1.Pod) {
	pod.Generation = 1
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending}
	pod.Status.QOSClass = qos.ComputePodQOS(pod)
	if len(pod.Spec.SchedulingGates) > 0 {
		pod.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated,
			Message:            "Scheduling is blocked due to non-empty scheduling gates",
			ObservedGeneration: pod.Generation,
		}}
	}
	resolveLabelKeys(pod)
}

func preparePodForUpdate(pod, old *corev1.Pod) {
	pod.Status = old.Status
	if pod.Spec.Priority == nil { // settled on create; a client that does not state it does not take it away
		pod.Spec.Priority = old.Spec.Priority
	}
	if pod.Spec.PreemptionPolicy == nil {
		pod.Spec.PreemptionPolicy = old.Spec.PreemptionPolicy
	}
	pod.Generation = old.Generation
	if !apiequality.Semantic.DeepEqual(pod.Spec, old.Spec) {
		pod.Generation++
	}
}

// preparePodForStatusUpdate keeps the spec, the owners and the deletion mark. A status writer that does not know of
// the class or of observed generations does not erase them.
func preparePodForStatusUpdate(pod, old *corev1.Pod) {
	pod.Spec = old.Spec
	pod.Generation = old.Generation
	pod.DeletionTimestamp = old.DeletionTimestamp
	pod.OwnerReferences = old.OwnerReferences
	syncIPs(&pod.Status)
	setDefault(&pod.Status.QOSClass, old.Status.QOSClass)
	setDefault(&pod.Status.ObservedGeneration, old.Status.ObservedGeneration)
	observed := map[corev1.PodConditionType]int64{}
	for _, condition := range old.Status.Conditions {
		observed[condition.Type] = condition.ObservedGeneration
	}
	for i := range pod.Status.Conditions {
		condition := &pod.Status.Conditions[i]
		setDefault(&condition.ObservedGeneration, observed[condition.Type])
	}
}

// syncIPs keeps the single addresses and the lists that repeat them as one; a client may know only one of each.
func syncIPs(status *corev1.PodStatus) {
	switch ips := status.PodIPs; {
	case status.PodIP == "" && len(ips) > 0:
		status.PodIP = ips[0].IP
	case status.PodIP != "" && (len(ips) == 0 || ips[0].IP != status.PodIP):
		status.PodIPs = []corev1.PodIP{{IP: status.PodIP}}
	}
	switch ips := status.HostIPs; {
	case status.HostIP == "" && len(ips) > 0:
		status.HostIP = ips[0].IP
	case status.HostIP != "" && (len(ips) == 0 || ips[0].IP != status.HostIP):
		status.HostIPs = []corev1.HostIP{{IP: status.HostIP}}
	}
}

// podGracePeriod is none for a Pod that no node has or that has ended: nobody would confirm.
func podGracePeriod(pod *corev1.Pod, asked *int64) int64 {
	ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	if pod.Spec.NodeName == "" || ended {
		return 0
	}
	seconds := ptr.Deref(pod.Spec.TerminationGracePeriodSeconds, 0)
	if asked != nil {
		seconds = *asked
	}
	if seconds < 0 {
		return 1
	}
	return seconds
}

func podFields(pod *corev1.Pod) fields.Set {
	ips := ""
	if len(pod.Status.PodIPs) > 0 {
		ips = pod.Status.PodIPs[0].IP
	}
	return fields.Set{
		"spec.nodeName":            pod.Spec.NodeName,
		"spec.restartPolicy":       string(pod.Spec.RestartPolicy),
		"spec.schedulerName":       pod.Spec.SchedulerName,
		"spec.serviceAccountName":  pod.Spec.ServiceAccountName,
		"spec.hostNetwork":         strconv.FormatBool(pod.Spec.HostNetwork),
		"status.phase":             string(pod.Status.Phase),
		"status.podIP":             pod.Status.PodIP,
		"status.podIPs":            ips,
		"status.nominatedNodeName": pod.Status.NominatedNodeName,
	}
}

func podWarnings(pod *corev1.Pod) []string {
	var warnings []string
	if wrong := validation.IsDNS1123Label(pod.Name); pod.Name != "" && len(wrong) > 0 {
		warnings = append(warnings, fmt.Sprintf("metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: %v", wrong))
	}
	return append(warnings, podSpecWarnings(&pod.Spec, specPath)...)
}
