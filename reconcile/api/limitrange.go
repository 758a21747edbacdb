package api

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

var limitRange = Of[*corev1.LimitRange]{
	Version: "v1", Kind: "LimitRange", Resource: "limitranges", Singular: "limitrange",
	ShortNames: []string{"limits"}, Namespaced: true,
	New:                 func() *corev1.LimitRange { return &corev1.LimitRange{} },
	NewList:             func() runtime.Object { return &corev1.LimitRangeList{} },
	Default:             defaultLimitRange,
	Validate:            validateLimitRange,
	Warnings:            limitRangeWarnings,
	AllowCreateOnUpdate: true,
	Columns: []metav1.TableColumnDefinition{
		nameColumn, column("Created At", "string", "When the object was created, in UTC."),
	},
	Row: func(l *corev1.LimitRange, _ time.Time) []any {
		return []any{l.Name, l.CreationTimestamp.UTC().Format(time.RFC3339)}
	},
}

// limitRangeWarnings tell of bounds on what is not served.
func limitRangeWarnings(l *corev1.LimitRange) []string {
	var warnings []string
	for i, item := range l.Spec.Limits {
		if item.Type != corev1.LimitTypeContainer && item.Type != corev1.LimitTypePod {
			warnings = append(warnings, fmt.Sprintf("spec.limits[%d].type: there are no objects of type %s here, so nothing is bounded by this", i, item.Type))
		}
	}
	return warnings
}

// defaultLimitRange completes the limits of containers: a default limit is the maximum, a default request is the
// default limit, or else the minimum.
func defaultLimitRange(l *corev1.LimitRange) {
	for i := range l.Spec.Limits {
		item := &l.Spec.Limits[i]
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		item.Default = completed(item.Default, item.Max)
		item.DefaultRequest = completed(completed(item.DefaultRequest, item.Default), item.Min)
	}
}

// completed adds to list, in place unless it is nil, what only other has.
func completed(list, other corev1.ResourceList) corev1.ResourceList {
	if list == nil {
		list = corev1.ResourceList{}
	}
	for name, quantity := range other {
		if _, there := list[name]; !there {
			list[name] = quantity.DeepCopy()
		}
	}
	return list
}
