package reconcile

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
	"coracle.dev/coracle/reconcile/manifest"
)

// Trouble is an object of an Application that is not healthy: its name, as "Deployment default/web", a health state of v1alpha1, and why.
type Trouble struct {
	Object  string `json:"object"`
	Health  string `json:"health"`
	Message string `json:"message,omitempty"`
}

// Troubles judges the objects that the Application has in the cluster, as the daemon does, and returns those that are not healthy,
// by kind, namespace and name. What was never created is not among them.
func Troubles(ctx context.Context, cluster *Cluster, app *v1alpha1.Application) ([]Trouble, error) {
	known, err := cluster.known()
	if err != nil {
		return nil, err
	}
	objects, err := cluster.listMembers(ctx, known.resourcesOf(nil, readMembership(app).kinds), SetID(app.Namespace, app.Name))
	if err != nil {
		return nil, err
	}
	var troubles []Trouble
	for _, object := range objects {
		if trouble, ill := troubleOf(object); ill {
			if ofPods := cluster.podTrouble(ctx, object); ofPods != "" {
				trouble.Message += "; " + ofPods
			}
			troubles = append(troubles, trouble)
		}
	}
	slices.SortFunc(troubles, func(a, b Trouble) int { return strings.Compare(a.Object, b.Object) })
	return troubles, nil
}

// troubleOf says what keeps one object from being healthy, apart from its Pods.
func troubleOf(object *unstructured.Unstructured) (trouble Trouble, ill bool) {
	key := manifest.KeyOf(object)
	health := healthOf(key, object)
	if health.State == v1alpha1.HealthHealthy {
		return Trouble{}, false
	}
	return Trouble{key.String(), health.State, strings.TrimPrefix(health.Message, key.Name+": ")}, true
}
