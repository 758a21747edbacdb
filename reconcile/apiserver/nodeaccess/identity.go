package nodeaccess

import (
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
)

// UserPrefix is what the name of a node's user begins with, before that of the node.
const UserPrefix = "system:node:"

// isNode is whether the user is in the group of nodes.
func isNode(caller user.Info) bool {
	return caller != nil && slices.Contains(caller.GetGroups(), user.NodesGroup)
}

// NodeName is the node whose agent the user is; "" if it is none.
func NodeName(caller user.Info) string {
	if !isNode(caller) {
		return ""
	}
	name, ok := strings.CutPrefix(caller.GetName(), UserPrefix)
	if !ok {
		return ""
	}
	return name
}

// isBootstrapper is whether the user has a bootstrap token, and no more.
func isBootstrapper(caller user.Info) bool {
	return caller != nil && slices.Contains(caller.GetGroups(), bootstrapapi.BootstrapDefaultGroup) &&
		strings.HasPrefix(caller.GetName(), bootstrapapi.BootstrapUserPrefix)
}
