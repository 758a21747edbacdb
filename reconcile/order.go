package reconcile

import (
	"cmp"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// phase says when objects of a kind are applied: what others need comes first.
type phase int

const (
	phaseNamespaces phase = iota
	phaseDefinitions
	phaseAccess
	phaseConfiguration
	phaseNetwork
	phaseOther
	phaseWorkloads
	phaseAfter
)

var phases = map[string]phase{
	"Namespace": phaseNamespaces,

	"CustomResourceDefinition": phaseDefinitions, "PriorityClass": phaseDefinitions, "StorageClass": phaseDefinitions,
	"RuntimeClass": phaseDefinitions, "IngressClass": phaseDefinitions,

	"ServiceAccount": phaseAccess, "Role": phaseAccess, "ClusterRole": phaseAccess, "RoleBinding": phaseAccess,
	"ClusterRoleBinding": phaseAccess, "ResourceQuota": phaseAccess, "LimitRange": phaseAccess, "NetworkPolicy": phaseAccess,

	"ConfigMap": phaseConfiguration, "Secret": phaseConfiguration, "PersistentVolume": phaseConfiguration,
	"PersistentVolumeClaim": phaseConfiguration,

	"Service": phaseNetwork, "Endpoints": phaseNetwork, "EndpointSlice": phaseNetwork,

	"Pod": phaseWorkloads, "ReplicationController": phaseWorkloads, "ReplicaSet": phaseWorkloads, "Deployment": phaseWorkloads,
	"StatefulSet": phaseWorkloads, "DaemonSet": phaseWorkloads, "Job": phaseWorkloads, "CronJob": phaseWorkloads,

	"HorizontalPodAutoscaler": phaseAfter, "PodDisruptionBudget": phaseAfter, "Ingress": phaseAfter,
	"ValidatingWebhookConfiguration": phaseAfter, "MutatingWebhookConfiguration": phaseAfter, "APIService": phaseAfter,
}

func phaseOf(kind string) phase {
	if p, ok := phases[kind]; ok {
		return p
	}
	return phaseOther
}

const argoWaveAnnotation = "argocd.argoproj.io/sync-wave"

// waveOf is the object's wave; one that is no number counts as 0.
func waveOf(object *unstructured.Unstructured) int {
	annotations := object.GetAnnotations()
	for _, key := range []string{v1alpha1.WaveAnnotation, argoWaveAnnotation} {
		if wave, err := strconv.Atoi(annotations[key]); err == nil {
			return wave
		}
	}
	return 0
}

// compareItems is the order in which things are applied. It is total: no two items have the same key.
func compareItems(a, b Item) int {
	return cmp.Or(
		cmp.Compare(a.phase, b.phase),
		cmp.Compare(a.Wave, b.Wave),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Key.Group, b.Key.Group),
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name),
	)
}
