package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// objects watches the ConfigMaps and Secrets that this node's Pods name, and no others.
type objects struct {
	client  kubernetes.Interface
	changed func(users []Key)

	mu      sync.Mutex
	watches map[objectRef]*objectWatch
	users   map[Key]map[objectRef]bool
	stopped bool
}

// objectRef names a ConfigMap, or a Secret.
type objectRef struct {
	secret          bool
	namespace, name string
}

type objectWatch struct {
	informer cache.SharedIndexInformer
	cancel   context.CancelFunc
}

func newObjects(client kubernetes.Interface, changed func(users []Key)) *objects {
	return &objects{client: client, changed: changed, watches: map[objectRef]*objectWatch{}, users: map[Key]map[objectRef]bool{}}
}

// referenced are the ConfigMaps and Secrets that a Pod names.
func referenced(pod *corev1.Pod) map[objectRef]bool {
	refs := map[objectRef]bool{}
	add := func(secret bool, name string) {
		refs[objectRef{secret: secret, namespace: pod.Namespace, name: name}] = true
	}
	eachContainer(pod, func(c *corev1.Container, _ bool) {
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				add(false, from.ConfigMapRef.Name)
			}
			if from.SecretRef != nil {
				add(true, from.SecretRef.Name)
			}
		}
		for _, v := range c.Env {
			if v.ValueFrom != nil && v.ValueFrom.ConfigMapKeyRef != nil {
				add(false, v.ValueFrom.ConfigMapKeyRef.Name)
			}
			if v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil {
				add(true, v.ValueFrom.SecretKeyRef.Name)
			}
		}
	})
	for i := range pod.Spec.Volumes {
		for _, source := range sources(&pod.Spec.Volumes[i]) {
			if source.ConfigMap != nil {
				add(false, source.ConfigMap.Name)
			}
			if source.Secret != nil {
				add(true, source.Secret.Name)
			}
		}
	}
	return refs
}

// acquire watches what the Pod names, until release.
func (o *objects) acquire(key Key, pod *corev1.Pod) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, done := o.users[key]; done || o.stopped {
		return
	}
	refs := referenced(pod)
	o.users[key] = refs
	for ref := range refs {
		if o.watches[ref] == nil {
			o.watches[ref] = o.watch(ref)
		}
	}
}

// release ends the watches that only this Pod needed.
func (o *objects) release(key Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	refs := o.users[key]
	delete(o.users, key)
	for ref := range refs {
		if len(o.usersOf(ref)) == 0 {
			o.watches[ref].cancel()
			delete(o.watches, ref)
		}
	}
}

func (o *objects) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
	for _, w := range o.watches {
		w.cancel()
	}
}

// usersOf are the Pods that name an object. The caller holds mu.
func (o *objects) usersOf(ref objectRef) []Key {
	var users []Key
	for key, refs := range o.users {
		if refs[ref] {
			users = append(users, key)
		}
	}
	return users
}

func (o *objects) watch(ref objectRef) *objectWatch {
	only := func(options *metav1.ListOptions) {
		options.FieldSelector = fields.OneTermEqualSelector("metadata.name", ref.name).String()
	}
	make := coreinformers.NewFilteredConfigMapInformer
	if ref.secret {
		make = coreinformers.NewFilteredSecretInformer
	}
	informer := make(o.client, ref.namespace, 0, cache.Indexers{}, only)
	notify := func(obj any) {
		if name, err := cache.DeletionHandlingObjectToName(obj); err != nil || name.Name != ref.name {
			return
		}
		o.mu.Lock()
		users := o.usersOf(ref)
		o.mu.Unlock()
		o.changed(users)
	}
	// The error is of an informer that was stopped, which this one was not.
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: notify, UpdateFunc: func(_, obj any) { notify(obj) }, DeleteFunc: notify,
	})
	ctx, cancel := context.WithCancel(context.Background())
	go informer.RunWithContext(ctx)
	return &objectWatch{informer: informer, cancel: cancel}
}

// getTimeout bounds one question to the API.
const getTimeout = 10 * time.Second

// configMap returns a ConfigMap from the watch, or from the API where the watch does not have it. A NotFound error
// reads `configmaps "x" not found`.
func (o *objects) configMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	if found, ok := o.cached(objectRef{namespace: namespace, name: name}); ok {
		return found.(*corev1.ConfigMap), nil
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	m, err := o.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	return m, missing("configmap", name, err)
}

func (o *objects) secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	if found, ok := o.cached(objectRef{secret: true, namespace: namespace, name: name}); ok {
		return found.(*corev1.Secret), nil
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	s, err := o.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	return s, missing("secret", name, err)
}

func (o *objects) cached(ref objectRef) (any, bool) {
	o.mu.Lock()
	w := o.watches[ref]
	o.mu.Unlock()
	if w == nil || !w.informer.HasSynced() {
		return nil, false
	}
	found, ok, err := w.informer.GetStore().GetByKey(fmt.Sprintf("%s/%s", ref.namespace, ref.name))
	return found, ok && err == nil
}

func missing(kind, name string, err error) error {
	if apierrors.IsNotFound(err) {
		return apierrors.NewNotFound(schema.GroupResource{Resource: kind}, name)
	}
	return err
}

// objectChanged has the Pods that name a changed object look at it again.
func (n *Node) objectChanged(users []Key) {
	for _, key := range users {
		if state := n.known(key); state != nil {
			state.remember(func(m *Memory) {
				m.VolumesReady, m.Volumes = false, Failure{}
				clear(m.Creations)
			})
			n.queue.Add(key)
		}
	}
}
