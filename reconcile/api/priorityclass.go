package api

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

const (
	// highestUserPriority is the most that a class of users may have; what is above is the system's.
	highestUserPriority = 1_000_000_000
	systemPrefix        = "system-"
)

// SystemPriorityClasses are those that every cluster has.
func SystemPriorityClasses() []*schedulingv1.PriorityClass {
	class := func(name string, value int32, description string) *schedulingv1.PriorityClass {
		return &schedulingv1.PriorityClass{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value, Description: description,
			PreemptionPolicy: ptr.To(corev1.PreemptLowerPriority),
		}
	}
	return []*schedulingv1.PriorityClass{
		class("system-cluster-critical", 2*highestUserPriority,
			"Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."),
		class("system-node-critical", 2*highestUserPriority+1000,
			"Used for system critical pods that must not be moved from their current node."),
	}
}

var priorityClass = Of[*schedulingv1.PriorityClass]{
	Group: schedulingv1.GroupName, Version: "v1", Kind: "PriorityClass", Resource: "priorityclasses", Singular: "priorityclass",
	ShortNames: []string{"pc"},
	New:        func() *schedulingv1.PriorityClass { return &schedulingv1.PriorityClass{} },
	NewList:    func() runtime.Object { return &schedulingv1.PriorityClassList{} },
	Default: func(c *schedulingv1.PriorityClass) {
		setDefaultPointer(&c.PreemptionPolicy, corev1.PreemptLowerPriority)
	},
	PrepareForCreate: func(c *schedulingv1.PriorityClass) { c.Generation = 1 },
	PrepareForUpdate: func(c, old *schedulingv1.PriorityClass) { c.Generation = old.Generation },
	Validate:         validatePriorityClass,
	ValidateUpdate:   validatePriorityClassUpdate,

	AllowCreateOnUpdate: true,
	Columns: []metav1.TableColumnDefinition{
		nameColumn,
		column("Value", "integer", "The priority of the class's Pods."),
		column("Global-Default", "boolean", "Whether Pods without a class are of this one."),
		ageColumn,
		column("PreemptionPolicy", "string", "Whether the class's Pods may displace others."),
	},
	Row: func(c *schedulingv1.PriorityClass, now time.Time) []any {
		return []any{c.Name, int64(c.Value), c.GlobalDefault, age(c.CreationTimestamp, now), string(ptr.Deref(c.PreemptionPolicy, ""))}
	},
}

func validatePriorityClass(c *schedulingv1.PriorityClass) field.ErrorList {
	var errs field.ErrorList
	if strings.HasPrefix(c.Name, systemPrefix) {
		if wrong := wrongSystemClass(c); wrong != "" {
			errs = append(errs, field.Forbidden(field.NewPath("metadata", "name"),
				"priority class names with '"+systemPrefix+"' prefix are reserved for system use only. error: "+wrong))
		}
	} else if c.Value > highestUserPriority {
		errs = append(errs, field.Forbidden(field.NewPath("value"), fmt.Sprintf("maximum allowed value of a user defined priority is %d", highestUserPriority)))
	}
	if policy := c.PreemptionPolicy; policy != nil {
		errs = append(errs, oneOf(*policy, field.NewPath("preemptionPolicy"), corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	}
	return errs
}

// wrongSystemClass says in what a class that has a name of the system's is another.
func wrongSystemClass(c *schedulingv1.PriorityClass) string {
	for _, known := range SystemPriorityClasses() {
		switch {
		case c.Name != known.Name:
		case c.Value != known.Value:
			return fmt.Sprintf("value of %s PriorityClass must be %d", known.Name, known.Value)
		case c.GlobalDefault:
			return fmt.Sprintf("globalDefault of %s PriorityClass must be false", known.Name)
		default:
			return ""
		}
	}
	return c.Name + " is not a known system priority class"
}

// validatePriorityClassUpdate holds what Pods have copied when they were created.
func validatePriorityClassUpdate(c, old *schedulingv1.PriorityClass) field.ErrorList {
	var errs field.ErrorList
	if c.Value != old.Value {
		errs = append(errs, field.Forbidden(field.NewPath("value"), "may not be changed in an update."))
	}
	return append(errs, apivalidation.ValidateImmutableField(c.PreemptionPolicy, old.PreemptionPolicy, field.NewPath("preemptionPolicy"))...)
}
