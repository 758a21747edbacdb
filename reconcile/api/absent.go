package api

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// AbsentKind is a kind of Kubernetes that is known by name and of which there are no objects: none can be made. Clients ask for
// these without being told to: `kubectl apply --prune --all` lists each of them, and fails if the server has not heard of one.
type AbsentKind struct {
	schema.GroupVersionKind
	Resource, Singular string
	Namespaced         bool
	ShortNames         []string
	Categories         []string
	New, NewList       func() runtime.Object
	// Reason says why one is refused.
	Reason string
}

// AbsentKinds are all of them, in the order of `kubectl api-resources`.
func AbsentKinds() []AbsentKind {
	all := []string{"all"}
	return []AbsentKind{
		{
			corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), "persistentvolumeclaims", "persistentvolumeclaim", true, []string{"pvc"}, nil,
			func() runtime.Object { return &corev1.PersistentVolumeClaim{} }, func() runtime.Object { return &corev1.PersistentVolumeClaimList{} },
			"coracle provides no volumes: name a hostPath or an emptyDir in the Pod",
		}, {
			corev1.SchemeGroupVersion.WithKind("PersistentVolume"), "persistentvolumes", "persistentvolume", false, []string{"pv"}, nil,
			func() runtime.Object { return &corev1.PersistentVolume{} }, func() runtime.Object { return &corev1.PersistentVolumeList{} },
			"coracle provides no volumes: name a hostPath or an emptyDir in the Pod",
		}, {
			appsv1.SchemeGroupVersion.WithKind("DaemonSet"), "daemonsets", "daemonset", true, []string{"ds"}, all,
			func() runtime.Object { return &appsv1.DaemonSet{} }, func() runtime.Object { return &appsv1.DaemonSetList{} },
			"coracle runs no DaemonSets",
		}, {
			appsv1.SchemeGroupVersion.WithKind("StatefulSet"), "statefulsets", "statefulset", true, []string{"sts"}, all,
			func() runtime.Object { return &appsv1.StatefulSet{} }, func() runtime.Object { return &appsv1.StatefulSetList{} },
			"coracle runs no StatefulSets",
		}, {
			batchv1.SchemeGroupVersion.WithKind("CronJob"), "cronjobs", "cronjob", true, []string{"cj"}, all,
			func() runtime.Object { return &batchv1.CronJob{} }, func() runtime.Object { return &batchv1.CronJobList{} },
			"coracle runs no CronJobs",
		}, {
			batchv1.SchemeGroupVersion.WithKind("Job"), "jobs", "job", true, nil, all,
			func() runtime.Object { return &batchv1.Job{} }, func() runtime.Object { return &batchv1.JobList{} },
			"coracle runs no Jobs: a Pod whose restartPolicy is Never or OnFailure runs to its end",
		}, {
			networkingv1.SchemeGroupVersion.WithKind("Ingress"), "ingresses", "ingress", true, []string{"ing"}, nil,
			func() runtime.Object { return &networkingv1.Ingress{} }, func() runtime.Object { return &networkingv1.IngressList{} },
			"coracle routes no Ingresses",
		},
	}
}

func addAbsent(scheme *runtime.Scheme) {
	for _, kind := range AbsentKinds() {
		version := kind.GroupVersion()
		if !scheme.IsVersionRegistered(version) {
			metav1.AddToGroupVersion(scheme, version)
		}
		scheme.AddKnownTypes(version, kind.New(), kind.NewList())
		scheme.AddKnownTypes(schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal}, kind.New(), kind.NewList())
	}
}
