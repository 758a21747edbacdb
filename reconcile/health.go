package reconcile

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
	"coracle.dev/coracle/reconcile/manifest"
)

// Health is how well one object is, or all of an Application together: Healthy, Progressing, Degraded or Unknown, and
// in a few words what is missing.
type Health struct {
	State   string
	Message string
}

// healthOf judges one live object, which may be nil, by the conventions of kstatus.
func healthOf(key manifest.Key, live *unstructured.Unstructured) Health {
	if live == nil {
		return Health{v1alpha1.HealthProgressing, key.Name + ": is not there yet"}
	}
	result, err := status.Compute(live)
	if err != nil {
		return Health{v1alpha1.HealthUnknown, fmt.Sprintf("%s: %v", key.Name, err)}
	}
	switch result.Status {
	case status.CurrentStatus:
		return Health{State: v1alpha1.HealthHealthy}
	case status.FailedStatus:
		return Health{v1alpha1.HealthDegraded, key.Name + ": " + withReplicaFailure(live, result.Message)}
	case status.TerminatingStatus:
		return Health{v1alpha1.HealthProgressing, key.Name + ": is being deleted"}
	}
	return Health{v1alpha1.HealthProgressing, key.Name + ": " + progress(live, result.Message)}
}

// progress counts replicas, for kinds that have them.
func progress(live *unstructured.Unstructured, message string) string {
	switch live.GetKind() {
	case "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet":
	default:
		return lowerFirst(message)
	}
	wanted, found, err := unstructured.NestedInt64(live.Object, "spec", "replicas")
	if err != nil || !found {
		wanted = 1
	}
	have, _, _ := unstructured.NestedInt64(live.Object, "status", "availableReplicas")
	updated, hasUpdated, _ := unstructured.NestedInt64(live.Object, "status", "updatedReplicas")
	text := fmt.Sprintf("%d of %d replicas available", have, wanted)
	if hasUpdated && live.GetKind() == "Deployment" && updated < wanted && have >= wanted {
		text = fmt.Sprintf("%d of %d replicas updated", updated, wanted)
	}
	return withReplicaFailure(live, text)
}

// withReplicaFailure adds why Pods were refused.
func withReplicaFailure(live *unstructured.Unstructured, text string) string {
	if failure := conditionMessage(live, "ReplicaFailure", "True"); failure != "" {
		text += "; " + failure
	}
	return text
}

func conditionMessage(object *unstructured.Unstructured, kind, value string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, one := range conditions {
		condition, _ := one.(map[string]any)
		if condition["type"] == kind && condition["status"] == value {
			message, _ := condition["message"].(string)
			return message
		}
	}
	return ""
}

func lowerFirst(text string) string {
	if text == "" {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}

// podTrouble says why a Pod does not get on, as "container web: ImagePullBackOff: no such image", or "".
func podTrouble(pod *unstructured.Unstructured) string {
	if message := conditionMessage(pod, "PodScheduled", "False"); message != "" {
		return message
	}
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		statuses, _, _ := unstructured.NestedSlice(pod.Object, "status", list)
		for _, one := range statuses {
			container, _ := one.(map[string]any)
			reason, _, _ := unstructured.NestedString(container, "state", "waiting", "reason")
			message, _, _ := unstructured.NestedString(container, "state", "waiting", "message")
			if reason == "" || reason == "ContainerCreating" || reason == "PodInitializing" {
				continue
			}
			name, _ := container["name"].(string)
			text := fmt.Sprintf("container %s: %s", name, reason)
			if message != "" {
				text += ": " + message
			}
			return text
		}
	}
	return ""
}

// summary is the health of many objects.
type summary struct {
	Health
	healthy int
}

// summarise takes the worst, and names the first few that are not healthy. keys gives the order.
func summarise(keys []manifest.Key, of map[manifest.Key]Health) summary {
	rank := map[string]int{v1alpha1.HealthHealthy: 0, v1alpha1.HealthUnknown: 1, v1alpha1.HealthProgressing: 2, v1alpha1.HealthDegraded: 3}
	result := summary{Health: Health{State: v1alpha1.HealthHealthy}}
	var messages []string
	for _, key := range keys {
		health := of[key]
		if health.State == v1alpha1.HealthHealthy {
			result.healthy++
			continue
		}
		if rank[health.State] > rank[result.State] {
			result.State = health.State
			messages = nil // those of what is worse are of more interest
		}
		if health.State == result.State {
			messages = append(messages, health.Message)
		}
	}
	result.Message = shortList(messages, 3)
	return result
}
