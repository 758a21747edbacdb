package apiserver

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/utils/lru"
)

// chargedMemory is how many quotas are remembered as last written. One that is forgotten costs a conflict.
const chargedMemory = 1000

// quotaAccounts are the quotas as they are now, where a cache that is behind would have what one object was charged overlooked
// by the next: what was written here last counts until the cache shows it, and after a conflict with another writer the
// store itself is read.
type quotaAccounts struct {
	client  kubernetes.Interface
	lister  corelisters.ResourceQuotaLister
	charged *lru.Cache // of *corev1.ResourceQuota by UID

	mu    sync.Mutex
	stale sets.Set[string] // namespaces in which another has written
}

var _ resourcequota.QuotaAccessor = &quotaAccounts{}

func newQuotaAccounts(client kubernetes.Interface, lister corelisters.ResourceQuotaLister) *quotaAccounts {
	return &quotaAccounts{client: client, lister: lister, charged: lru.New(chargedMemory), stale: sets.New[string]()}
}

// UpdateQuotaStatus writes what is used of a quota that GetQuotas gave, unless another has written it since.
func (q *quotaAccounts) UpdateQuotaStatus(changed *corev1.ResourceQuota) error {
	written, err := q.client.CoreV1().ResourceQuotas(changed.Namespace).UpdateStatus(context.Background(), changed, metav1.UpdateOptions{})
	if err != nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.stale.Insert(changed.Namespace)
		return err
	}
	q.charged.Add(written.UID, written)
	return nil
}

// GetQuotas are the quotas of a namespace. What they refer to is shared, and must not be changed.
func (q *quotaAccounts) GetQuotas(namespace string) ([]corev1.ResourceQuota, error) {
	q.mu.Lock()
	stale := q.stale.Has(namespace)
	q.stale.Delete(namespace)
	q.mu.Unlock()
	if stale {
		list, err := q.client.CoreV1().ResourceQuotas(namespace).List(context.Background(), metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("read quotas: %w", err)
		}
		for i := range list.Items {
			q.charged.Add(list.Items[i].UID, &list.Items[i])
		}
		return list.Items, nil
	}
	cached, err := q.lister.ResourceQuotas(namespace).List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("read quotas: %w", err)
	}
	current := make([]corev1.ResourceQuota, 0, len(cached))
	for _, each := range cached {
		current = append(current, *q.newer(each))
	}
	return current, nil
}

// newer is the quota as cached or as last written here, whichever is newer.
func (q *quotaAccounts) newer(cached *corev1.ResourceQuota) *corev1.ResourceQuota {
	found, ok := q.charged.Get(cached.UID)
	if !ok {
		return cached
	}
	written := found.(*corev1.ResourceQuota)
	if order, err := resourceversion.CompareResourceVersion(cached.ResourceVersion, written.ResourceVersion); err != nil || order >= 0 {
		q.charged.Remove(cached.UID)
		return cached
	}
	return written
}
