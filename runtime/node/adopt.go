package node

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"coracle.dev/coracle/runtime"
)

// packedMeta is what a container's label keeps of its Pod.
type packedMeta struct {
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Spec        corev1.PodSpec    `json:"spec"`
}

// zips are kept: each is made of 800 KB of tables.
var zips = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// pack is base64(gzip(JSON)) of what is needed to make the Pod again.
func pack(pod *corev1.Pod) (string, error) {
	data, err := json.Marshal(packedMeta{
		Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, Annotations: pod.Annotations, Spec: pod.Spec,
	})
	if err != nil {
		return "", fmt.Errorf("pack pod: %w", err)
	}
	var out bytes.Buffer
	zip := zips.Get().(*gzip.Writer)
	defer zips.Put(zip)
	zip.Reset(&out)
	if _, err := zip.Write(data); err != nil {
		return "", fmt.Errorf("pack pod: %w", err)
	}
	if err := zip.Close(); err != nil {
		return "", fmt.Errorf("pack pod: %w", err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

// maxPacked bounds what a label may unpack to: more than etcd takes.
const maxPacked = 4 << 20

func unpack(label string) (packedMeta, error) {
	var p packedMeta
	data, err := base64.StdEncoding.DecodeString(label)
	if err != nil {
		return p, fmt.Errorf("unpack pod: %w", err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return p, fmt.Errorf("unpack pod: %w", err)
	}
	data, err = io.ReadAll(io.LimitReader(zip, maxPacked))
	if err != nil {
		return p, fmt.Errorf("unpack pod: %w", err)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("unpack pod: %w", err)
	}
	return p, nil
}

// packedPod is the Pod that containers were made for, as far as their labels tell; it has at least its name and UID.
func packedPod(key Key, seen []runtime.Container) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, UID: types.UID(key.UID)}}
	for _, c := range seen {
		p, err := unpack(c.Labels[labelPod])
		if err != nil {
			continue
		}
		pod.Labels, pod.Annotations, pod.Spec = p.Labels, p.Annotations, p.Spec
		break
	}
	return pod
}

// adoptee is the Pod to be made again in an API server that has lost it. Its containers keep the old UID, by annotation.
// It has no owner: a ReplicaSet that matches its labels will adopt it.
func adoptee(key Key, seen []runtime.Container, node string) (*corev1.Pod, bool) {
	pod := packedPod(key, seen)
	if len(pod.Spec.Containers) == 0 {
		return nil, false
	}
	annotations := map[string]string{AnnotationUID: key.UID}
	for name, value := range pod.Annotations {
		if name != AnnotationUID {
			annotations[name] = value
		}
	}
	pod.UID, pod.Annotations = "", annotations
	pod.Spec.NodeName = node
	return pod, true
}

// adopt makes every Pod that runs here, and that the API does not have, again. It is called while the API does not know this node, and
// can be called again after it failed half-way. A Pod that the API refuses is left out: its containers will be removed.
func (n *Node) adopt(ctx context.Context) error {
	for _, key := range n.inventory.keys() {
		pod, ok := adoptee(key, n.inventory.snapshot(key), n.Name)
		if !ok {
			continue
		}
		_, err := n.Client.CoreV1().Pods(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
		if err == nil {
			continue
		}
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("adopt pod %s: %w", key, err)
		}
		if err := n.ensureNamespace(ctx, key.Namespace); err != nil {
			return fmt.Errorf("adopt pod %s: %w", key, err)
		}
		_, err = n.Client.CoreV1().Pods(key.Namespace).Create(ctx, pod, metav1.CreateOptions{})
		switch {
		case err == nil:
			n.Logger.Info().Str("node", n.Name).Stringer("pod", key).Msg("adopted")
		case apierrors.IsAlreadyExists(err):
		case apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err):
			n.Logger.Warn().Err(err).Str("node", n.Name).Stringer("pod", key).Msg("pod cannot be adopted")
		default:
			return fmt.Errorf("adopt pod %s: %w", key, err)
		}
	}
	return nil
}

func (n *Node) ensureNamespace(ctx context.Context, name string) error {
	_, err := n.Client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	_, err = n.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
