package nodeaccess

import (
	"context"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// world has one Pod on raspi002, default/mine, which names one object of each kind, "mine"; and one elsewhere, default/other.
type world struct{}

func (world) PodOn(_ context.Context, node, namespace, name string) (bound, exists bool, err error) {
	switch namespace + "/" + name {
	case "default/mine":
		return node == "raspi002", true, nil
	case "default/other":
		return false, true, nil
	}
	return false, false, nil
}

func (world) Names(_ context.Context, node string, object Reference) (bool, error) {
	return node == "raspi002" && object.Namespace == "default" && object.Name == "mine", nil
}

func (world) PodNames(_ context.Context, node, pod string, object Reference) (bool, error) {
	asks := object.Kind == Audience && object.Namespace == "default" && (object.Name == "" || object.Name == "vault")
	return node == "raspi002" && pod == "mine" && asks, nil
}

var (
	raspi = &user.DefaultInfo{Name: "system:node:raspi002", Groups: []string{"system:nodes", "system:authenticated"}}
	joins = &user.DefaultInfo{Name: "system:bootstrap:abc123", Groups: []string{"system:bootstrappers", "system:authenticated"}}
)

// ask is "verb group/resource/subresource namespace/name selector", with "core" as the core group and "-" for what is not there;
// or "get /path".
func ask(caller user.Info, text string) authorizer.AttributesRecord {
	parts := append(strings.Fields(text), "-", "-", "-")
	a := authorizer.AttributesRecord{User: caller, Verb: parts[0]}
	if strings.HasPrefix(parts[1], "/") {
		a.Path = parts[1]
		return a
	}
	a.ResourceRequest = true
	resource := strings.SplitN(parts[1]+"//", "/", 4)
	a.APIGroup, a.Resource, a.Subresource = strings.TrimPrefix(resource[0], "core"), resource[1], resource[2]
	a.Namespace, a.Name, _ = strings.Cut(strings.TrimPrefix(parts[2], "-"), "/")
	if parts[3] != "-" {
		a.FieldSelectorRequirements = fields.ParseSelectorOrDie(parts[3]).Requirements()
	}
	return a
}

func TestNodesMay(t *testing.T) {
	for _, text := range []string{
		"create core/nodes", "get core/nodes /raspi002", "update core/nodes /raspi002", "patch core/nodes /raspi002", "watch core/nodes /raspi002",
		"update core/nodes/status /raspi002", "patch core/nodes/status /raspi002",
		"create coordination.k8s.io/leases kube-node-lease/", "get coordination.k8s.io/leases kube-node-lease/raspi002",
		"update coordination.k8s.io/leases kube-node-lease/raspi002",
		"list core/pods - spec.nodeName=raspi002", "watch core/pods default/ spec.nodeName=raspi002,status.phase!=Failed",
		"create core/pods default/", "get core/pods default/mine", "get core/pods default/gone", "delete core/pods default/mine", "delete core/pods default/gone",
		"update core/pods/status default/mine", "patch core/pods/status default/mine",
		"get core/secrets default/mine", "list core/secrets default/mine", "watch core/secrets default/mine", "watch core/configmaps default/mine",
		"get core/serviceaccounts default/mine", "create core/serviceaccounts/token default/mine", "get core/persistentvolumeclaims default/mine",
		"list core/services", "watch core/services", "list discovery.k8s.io/endpointslices",
		"get core/namespaces /shop", "create core/namespaces",
		"create core/events default/", "patch core/events default/x", "create events.k8s.io/events default/",
		"create certificates.k8s.io/certificatesigningrequests", "watch certificates.k8s.io/certificatesigningrequests /csr-x",
		"get /coracle/connect",
	} {
		if decision, reason, err := Decide(t.Context(), ask(raspi, text), world{}); decision != authorizer.DecisionAllow || err != nil {
			t.Errorf("%s: decision %v, %s, error %v", text, decision, reason, err)
		}
	}
}

func TestNodesMayNot(t *testing.T) {
	for text, want := range map[string]string{
		"get core/nodes /raspi003":                                                 `node "raspi002" may read and write its own Node only`,
		"list core/nodes":                                                          "its own Node only",
		"update core/nodes/status /raspi003":                                       "its own Node only",
		"delete core/nodes /raspi002":                                              "a node may not delete nodes",
		"get core/nodes/proxy /raspi002":                                           "a node may not get nodes/proxy",
		"update coordination.k8s.io/leases kube-node-lease/raspi003":               "its own Lease only",
		"update coordination.k8s.io/leases default/raspi002":                       "namespace kube-node-lease",
		"create coordination.k8s.io/leases kube-system/":                           "namespace kube-node-lease",
		"list coordination.k8s.io/leases kube-node-lease/":                         "its own Lease only",
		"list core/pods":                                                           "field selector spec.nodeName=raspi002",
		"list core/pods - spec.nodeName=raspi003":                                  "field selector spec.nodeName=raspi002",
		"list core/pods - spec.nodeName!=raspi002":                                 "field selector spec.nodeName=raspi002",
		"watch core/pods default/ metadata.name=other":                             "field selector spec.nodeName=raspi002",
		"get core/pods default/other":                                              `not bound to node "raspi002"`,
		"delete core/pods default/other":                                           "not bound",
		"deletecollection core/pods default/ spec.nodeName=raspi002":               "may not deletecollection pods",
		"update core/pods default/mine":                                            "a node may not update pods",
		"patch core/pods default/mine":                                             "a node may not patch pods",
		"update core/pods/status default/other":                                    "not bound",
		"create core/pods/binding default/mine":                                    "may not create pods/binding",
		"create core/pods/exec default/mine":                                       "may not create pods/exec",
		"update core/pods/ephemeralcontainers default/mine":                        "may not update",
		"get core/secrets default/other":                                           "no relationship found",
		"get core/secrets kube-system/mine":                                        "no relationship found",
		"list core/secrets default/":                                               "only single objects",
		"watch core/configmaps":                                                    "only single objects",
		"update core/secrets default/mine":                                         "may not update secrets",
		"create core/secrets default/":                                             "may not create secrets",
		"create core/serviceaccounts/token default/other":                          "no relationship found",
		"get core/serviceaccounts default/other":                                   "no relationship found",
		"delete core/namespaces /default":                                          "may not delete namespaces",
		"update core/services default/x":                                           "may not update services",
		"delete core/events default/x":                                             "may not delete events",
		"list certificates.k8s.io/certificatesigningrequests":                      "only single objects",
		"update certificates.k8s.io/certificatesigningrequests/approval /csr-x":    "may not update certificatesigningrequests/approval",
		"update certificates.k8s.io/certificatesigningrequests/status /csr-x":      "may not update",
		"approve certificates.k8s.io/signers /kubernetes.io/kube-apiserver-client": "may not approve",
		"create rbac.authorization.k8s.io/clusterrolebindings":                     "may not create clusterrolebindings",
		"get apps/deployments default/web":                                         "may not get deployments",
		"get extensions/secrets default/mine":                                      "may not get secrets",
		"get /metrics":                                                             "no business here",
		"post /coracle/connect":                                                    "no business here",
		"get /coracle/connect/x":                                                   "no business here",
	} {
		decision, reason, err := Decide(t.Context(), ask(raspi, text), world{})
		if decision != authorizer.DecisionNoOpinion || err != nil || !strings.Contains(reason, want) {
			t.Errorf("%s: decision %v, %q, error %v; want %q", text, decision, reason, err, want)
		}
	}
}

func TestOthers(t *testing.T) {
	for name, c := range map[string]struct {
		caller *user.DefaultInfo
		text   string
		allow  bool
		reason string
	}{
		"a bootstrapper asks for a certificate": {joins, "create certificates.k8s.io/certificatesigningrequests", true, ""},
		"and waits for it":                      {joins, "watch certificates.k8s.io/certificatesigningrequests /csr-x", true, ""},
		"a bootstrapper is no node":             {joins, "create core/nodes", false, "may not create nodes"},
		"nor connects":                          {joins, "get /coracle/connect", false, "no business here"},
		"nor sees other requests":               {joins, "list certificates.k8s.io/certificatesigningrequests", false, "only single objects"},
		"nor approves":                          {joins, "update certificates.k8s.io/certificatesigningrequests/approval /csr-x", false, "may not update"},
		"the group alone is no bootstrapper":    {&user.DefaultInfo{Name: "ada", Groups: joins.Groups}, "create certificates.k8s.io/certificatesigningrequests", false, ""},
		"the group alone is no node":            {&user.DefaultInfo{Name: "ada", Groups: raspi.Groups}, "create core/nodes", false, `unknown node for user "ada"`},
		"a node has a name":                     {&user.DefaultInfo{Name: "system:node:", Groups: raspi.Groups}, "list core/services", false, "unknown node"},
		"the name alone is no node":             {&user.DefaultInfo{Name: raspi.Name}, "get core/nodes /raspi002", false, ""},
		"a user":                                {&user.DefaultInfo{Name: "ada"}, "get core/nodes /raspi002", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			decision, reason, err := Decide(t.Context(), ask(c.caller, c.text), world{})
			if (decision == authorizer.DecisionAllow) != c.allow || decision == authorizer.DecisionDeny || err != nil || !strings.Contains(reason, c.reason) || c.reason == "" && reason != "" {
				t.Errorf("decision %v, %q, error %v", decision, reason, err)
			}
		})
	}
}
