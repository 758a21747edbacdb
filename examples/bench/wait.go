package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

const patience = 5 * time.Minute

// awaitAvailable returns when there are that many Deployments with that many available replicas of their present template. It
// watches: asking again and again would be work for the daemon that is being measured.
func (d *daemon) awaitAvailable(ctx context.Context, deployments int, replicas int32) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	available := map[string]bool{}
	enough := func() bool {
		found := 0
		for _, is := range available {
			if is {
				found++
			}
		}
		return found == deployments
	}
	see := func(event watch.Event) (bool, error) {
		one, ok := event.Object.(*appsv1.Deployment)
		if !ok {
			return false, nil
		}
		available[one.Name] = event.Type != watch.Deleted && one.Status.ObservedGeneration == one.Generation &&
			one.Status.UpdatedReplicas == replicas && one.Status.AvailableReplicas == replicas && one.Status.Replicas == replicas
		return enough(), nil
	}
	source := cache.NewListWatchFromClient(d.client.AppsV1().RESTClient(), "deployments", metav1.NamespaceDefault, fields.Everything())
	if _, err := watchtools.UntilWithSync(ctx, source, &appsv1.Deployment{}, nil, see); err != nil {
		return fmt.Errorf("%d Deployments of %d are not all available: %w", deployments, replicas, err)
	}
	return nil
}
