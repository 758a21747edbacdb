package node

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// Labels beside those of package runtime. The io.kubernetes ones are dockershim's.
const (
	labelAttempt = "annotation.io.kubernetes.container.restartCount"
	labelSandbox = "io.kubernetes.sandbox.id"
	// labelBackoff is how long after this container's end the next attempt waits, as "10s".
	labelBackoff = "coracle.dev/backoff"
	// labelPod is the Pod itself, packed, so that it can be made again when the API server's data is lost.
	labelPod = "coracle.dev/pod"

	typeSandbox   = "podsandbox"
	typeContainer = "container"

	// sandboxName stands in a container's name where others have the container's.
	sandboxName = "POD"
)

// Annotations of Pods.
const (
	// AnnotationUID is the UID under which an adopted Pod's containers run, if that is not the Pod's own.
	AnnotationUID = "coracle.dev/uid"
	// AnnotationCommit is copied to runtime.LabelCommit.
	AnnotationCommit = "coracle.dev/commit"
)

// Key names one Pod on an engine. The UID is that of podUID.
type Key struct{ Namespace, Name, UID string }

func (k Key) String() string { return k.Namespace + "/" + k.Name }

// podUID is the UID in names and labels of the Pod's containers.
func podUID(pod *corev1.Pod) string {
	if uid := pod.Annotations[AnnotationUID]; uid != "" {
		return uid
	}
	return string(pod.UID)
}

func keyOf(pod *corev1.Pod) Key {
	return Key{Namespace: pod.Namespace, Name: pod.Name, UID: podUID(pod)}
}

// keyOfLabels is the Pod that a container or an event belongs to; false for containers that are not a Pod's.
func keyOfLabels(labels map[string]string) (Key, bool) {
	key := Key{
		Namespace: labels[runtime.LabelPodNamespace],
		Name:      labels[runtime.LabelPodName],
		UID:       labels[runtime.LabelPodUID],
	}
	return key, key.Namespace != "" && key.Name != "" && key.UID != ""
}

// containerName is dockershim's: k8s_<container>_<pod>_<namespace>_<uid>_<attempt>. An underscore is in none of the parts.
func containerName(container string, key Key, attempt int) string {
	return strings.Join([]string{"k8s", container, key.Name, key.Namespace, key.UID, strconv.Itoa(attempt)}, "_")
}

// attemptOf is 0 for a Pod's first container of a name, 1 for its first restart.
func attemptOf(c runtime.Container) int {
	n, _ := strconv.Atoi(c.Labels[labelAttempt])
	return n
}

// containerID is as the API shows it.
func containerID(id string) string {
	if id == "" {
		return ""
	}
	return "docker://" + id
}
