package rbac

import (
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/informers"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"k8s.io/client-go/tools/cache"
)

// Policy is all roles and bindings. Bindings are indexed by their subjects, so that a decision costs what the user's own
// bindings cost, however many others there are.
type Policy struct {
	roles           rbaclisters.RoleLister
	clusterRoles    rbaclisters.ClusterRoleLister
	bindings        cache.Indexer
	clusterBindings cache.Indexer
	synced          []cache.InformerSynced
}

// bySubject is the index of bindings. Its keys are "User/ann" and "Group/dev"; those of bindings in a namespace begin with
// the namespace: "shop/User/ann". A service account is the user as which it authenticates.
const bySubject = "subject"

// NewPolicy watches roles and bindings by informers that the caller starts.
func NewPolicy(factory informers.SharedInformerFactory) (*Policy, error) {
	rbac := factory.Rbac().V1()
	bindings, clusterBindings := rbac.RoleBindings().Informer(), rbac.ClusterRoleBindings().Informer()
	for _, informer := range []cache.SharedIndexInformer{bindings, clusterBindings} {
		if err := informer.AddIndexers(cache.Indexers{bySubject: subjectKeys}); err != nil {
			return nil, fmt.Errorf("index bindings: %w", err)
		}
	}
	return &Policy{
		roles: rbac.Roles().Lister(), clusterRoles: rbac.ClusterRoles().Lister(),
		bindings: bindings.GetIndexer(), clusterBindings: clusterBindings.GetIndexer(),
		synced: []cache.InformerSynced{
			rbac.Roles().Informer().HasSynced, rbac.ClusterRoles().Informer().HasSynced, bindings.HasSynced, clusterBindings.HasSynced,
		},
	}, nil
}

// HasSynced is whether all roles and bindings have been read.
func (p *Policy) HasSynced() bool {
	for _, synced := range p.synced {
		if !synced() {
			return false
		}
	}
	return true
}

// subjectKeys is a cache.IndexFunc.
func subjectKeys(obj any) ([]string, error) {
	var prefix, namespace string
	var subjects []rbacv1.Subject
	switch binding := obj.(type) {
	case *rbacv1.RoleBinding:
		prefix, namespace, subjects = binding.Namespace+"/", binding.Namespace, binding.Subjects
	case *rbacv1.ClusterRoleBinding:
		subjects = binding.Subjects
	default:
		return nil, fmt.Errorf("not a binding: %T", obj)
	}
	var keys []string
	for i := range subjects {
		if key := subjectKey(&subjects[i], namespace); key != "" {
			keys = append(keys, prefix+key)
		}
	}
	return keys, nil
}

// subjectKey is "" for a subject that can be nobody.
func subjectKey(subject *rbacv1.Subject, namespace string) string {
	switch subject.Kind {
	case rbacv1.UserKind, rbacv1.GroupKind:
		return subject.Kind + "/" + subject.Name
	case rbacv1.ServiceAccountKind:
		if subject.Namespace != "" {
			namespace = subject.Namespace
		}
		if namespace != "" {
			return rbacv1.UserKind + "/" + serviceaccount.MakeUsername(namespace, subject.Name)
		}
	}
	return ""
}

// grant is one binding by which a user has the rules of a role.
type grant struct {
	kind, binding string // of a RoleBinding, "name/namespace"
	role          rbacv1.RoleRef
	rules         []rbacv1.PolicyRule
	err           error // of looking up the role
}

// grants calls visit with each grant of a user, in the namespace ("" is none) and in all, until it returns false.
func (p *Policy) grants(who user.Info, namespace string, visit func(*grant) bool) {
	subjects := make([]string, 0, 1+len(who.GetGroups()))
	subjects = append(subjects, rbacv1.UserKind+"/"+who.GetName())
	for _, group := range who.GetGroups() {
		subjects = append(subjects, rbacv1.GroupKind+"/"+group)
	}
	for _, subject := range subjects {
		bound, _ := p.clusterBindings.ByIndex(bySubject, subject) // the error is of an index that is not there
		for _, obj := range bound {
			binding := obj.(*rbacv1.ClusterRoleBinding)
			if !visit(p.grant("ClusterRoleBinding", binding.Name, "", binding.RoleRef)) {
				return
			}
		}
	}
	if namespace == "" {
		return
	}
	for _, subject := range subjects {
		bound, _ := p.bindings.ByIndex(bySubject, namespace+"/"+subject)
		for _, obj := range bound {
			binding := obj.(*rbacv1.RoleBinding)
			if !visit(p.grant("RoleBinding", binding.Name+"/"+namespace, namespace, binding.RoleRef)) {
				return
			}
		}
	}
}

func (p *Policy) grant(kind, name, namespace string, ref rbacv1.RoleRef) *grant {
	rules, err := p.rulesOf(ref, namespace)
	return &grant{kind: kind, binding: name, role: ref, rules: rules, err: err}
}

// rulesOf are the rules of the role that a binding in the namespace refers to.
func (p *Policy) rulesOf(ref rbacv1.RoleRef, namespace string) ([]rbacv1.PolicyRule, error) {
	switch ref.Kind {
	case "Role":
		role, err := p.roles.Roles(namespace).Get(ref.Name)
		if err != nil {
			return nil, err
		}
		return role.Rules, nil
	case "ClusterRole":
		role, err := p.clusterRoles.Get(ref.Name)
		if err != nil {
			return nil, err
		}
		return role.Rules, nil
	}
	return nil, fmt.Errorf("unsupported role reference kind: %q", ref.Kind)
}
