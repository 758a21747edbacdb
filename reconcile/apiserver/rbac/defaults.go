package rbac

import (
	"maps"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
)

// The labels by which ClusterRoles become part of admin, edit and view; what is part of view is part of edit, and so on.
const (
	aggregateToAdmin = "rbac.authorization.k8s.io/aggregate-to-admin"
	aggregateToEdit  = "rbac.authorization.k8s.io/aggregate-to-edit"
	aggregateToView  = "rbac.authorization.k8s.io/aggregate-to-view"
)

// verbs that read, that write, and all of both
var (
	read      = []string{"get", "list", "watch"}
	write     = []string{"create", "delete", "deletecollection", "patch", "update"}
	readWrite = slices.Concat(read, write)
	create    = []string{"create"}
)

const (
	core           = ""
	authentication = "authentication.k8s.io"
	authorization  = "authorization.k8s.io"
	certificates   = "certificates.k8s.io"
)

func rule(verbs []string, group string, resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: verbs, APIGroups: []string{group}, Resources: resources}
}

func urls(paths ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: paths}
}

// defaultMeta marks what is made whole again at each start, until somebody sets the annotation to "false".
func defaultMeta(name string, labels map[string]string) metav1.ObjectMeta {
	all := map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}
	maps.Copy(all, labels)
	return metav1.ObjectMeta{Name: name, Labels: all, Annotations: map[string]string{rbacv1.AutoUpdateAnnotationKey: "true"}}
}

func clusterRole(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: defaultMeta(name, nil), Rules: rules}
}

// part is a ClusterRole that is aggregated by the label.
func part(name, label string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: defaultMeta(name, map[string]string{label: "true"}), Rules: rules}
}

// whole is a ClusterRole that aggregates by one label, and is itself aggregated by others.
func whole(name, by string, labels ...string) *rbacv1.ClusterRole {
	set := map[string]string{}
	for _, label := range labels {
		set[label] = "true"
	}
	return &rbacv1.ClusterRole{ObjectMeta: defaultMeta(name, set), AggregationRule: &rbacv1.AggregationRule{
		ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{by: "true"}}},
	}}
}

// ClusterRoles are the roles that every cluster has, upstream's as far as there is something here for them to allow.
func ClusterRoles() []*rbacv1.ClusterRole {
	return []*rbacv1.ClusterRole{
		clusterRole("cluster-admin", everything...),
		clusterRole("system:discovery", urls("/livez", "/readyz", "/healthz", "/version", "/version/", "/openapi", "/openapi/*", "/api", "/api/*", "/apis", "/apis/*")),
		clusterRole("system:public-info-viewer", urls("/livez", "/readyz", "/healthz", "/version", "/version/")),
		clusterRole("system:monitoring", urls("/metrics", "/metrics/slis", "/livez", "/readyz", "/healthz", "/livez/*", "/readyz/*", "/healthz/*")),
		clusterRole("system:basic-user",
			rule(create, authorization, "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
			rule(create, authentication, "selfsubjectreviews")),
		clusterRole("system:service-account-issuer-discovery", urls("/.well-known/openid-configuration", "/.well-known/openid-configuration/", "/openid/v1/jwks", "/openid/v1/jwks/")),
		clusterRole("system:auth-delegator",
			rule(create, authentication, "tokenreviews"),
			rule(create, authorization, "subjectaccessreviews")),
		clusterRole("system:node-bootstrapper", rule([]string{"create", "get", "list", "watch"}, certificates, "certificatesigningrequests")),
		clusterRole("system:certificates.k8s.io:certificatesigningrequests:nodeclient", rule(create, certificates, "certificatesigningrequests/nodeclient")),
		clusterRole("system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", rule(create, certificates, "certificatesigningrequests/selfnodeclient")),
		whole("admin", aggregateToAdmin),
		whole("edit", aggregateToEdit, aggregateToAdmin),
		whole("view", aggregateToView, aggregateToEdit),
		part("system:aggregate-to-admin", aggregateToAdmin, adminRules...),
		part("system:aggregate-to-edit", aggregateToEdit, editRules...),
		part("system:aggregate-to-view", aggregateToView, viewRules...),
	}
}

var adminRules = []rbacv1.PolicyRule{
	rule(create, authorization, "localsubjectaccessreviews"),
	rule(readWrite, rbacv1.GroupName, "roles", "rolebindings"),
}

// editRules leave out what belongs to the system (/status) or bounds the namespace (quotas, limits). Who may run Pods may
// read all Secrets of the namespace anyway, and be any of its service accounts.
var editRules = []rbacv1.PolicyRule{
	rule(read, core, "pods/attach", "pods/proxy", "pods/exec", "pods/portforward", "secrets", "services/proxy"),
	rule([]string{"impersonate"}, core, "serviceaccounts"),
	rule(write, core, "pods", "pods/attach", "pods/proxy", "pods/exec", "pods/portforward"),
	rule(create, core, "pods/eviction"),
	rule(write, core, "configmaps", "events", "podtemplates", "replicationcontrollers", "replicationcontrollers/scale", "secrets", "serviceaccounts", "services", "services/proxy"),
	rule(create, core, "serviceaccounts/token"),
	rule(write, "apps", "daemonsets", "deployments", "deployments/rollback", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale"),
	rule(write, "autoscaling", "horizontalpodautoscalers"),
	rule(write, "batch", "cronjobs", "jobs"),
	rule(write, "policy", "poddisruptionbudgets"),
	rule(write, "networking.k8s.io", "ingresses", "networkpolicies"),
	rule(readWrite, "coordination.k8s.io", "leases"),
}

// viewRules leave out Secrets, by which a reader would become any service account. Applications are read by all who view and
// written by none who edit: what is in their repository is applied with all rights.
var viewRules = []rbacv1.PolicyRule{
	rule(read, core, "configmaps", "endpoints", "pods", "podtemplates", "replicationcontrollers", "replicationcontrollers/scale", "serviceaccounts", "services", "services/status"),
	rule(read, core, "bindings", "events", "limitranges", "namespaces/status", "pods/log", "pods/status", "replicationcontrollers/status", "resourcequotas", "resourcequotas/status"),
	rule(read, core, "namespaces"), // in a namespace that is the namespace itself
	rule(read, "events.k8s.io", "events"),
	rule(read, "discovery.k8s.io", "endpointslices"),
	rule(read, "apps", "controllerrevisions", "daemonsets", "daemonsets/status", "deployments", "deployments/scale", "deployments/status",
		"replicasets", "replicasets/scale", "replicasets/status", "statefulsets", "statefulsets/scale", "statefulsets/status"),
	rule(read, "autoscaling", "horizontalpodautoscalers", "horizontalpodautoscalers/status"),
	rule(read, "batch", "cronjobs", "cronjobs/status", "jobs", "jobs/status"),
	rule(read, "policy", "poddisruptionbudgets", "poddisruptionbudgets/status"),
	rule(read, "networking.k8s.io", "ingresses", "ingresses/status", "networkpolicies"),
	rule(read, "metrics.k8s.io", "pods", "nodes"),
	rule(read, "coracle.dev", "applications", "applications/status"),
}

// ClusterRoleBindings give the default roles to those who need them to be users at all.
func ClusterRoleBindings() []*rbacv1.ClusterRoleBinding {
	return []*rbacv1.ClusterRoleBinding{
		toGroups("cluster-admin", user.SystemPrivilegedGroup),
		toGroups("system:monitoring", user.MonitoringGroup),
		toGroups("system:discovery", user.AllAuthenticated),
		toGroups("system:basic-user", user.AllAuthenticated),
		toGroups("system:public-info-viewer", user.AllAuthenticated, user.AllUnauthenticated),
		toGroups("system:service-account-issuer-discovery", "system:serviceaccounts"),
	}
}

func toGroups(role string, groups ...string) *rbacv1.ClusterRoleBinding {
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: defaultMeta(role, nil),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
	for _, group := range groups {
		binding.Subjects = append(binding.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group})
	}
	return binding
}
