package scheduler

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// State is what the scheduler knows: the nodes, the Pods on them (those included whose binding is under way), and
// the labels of the namespaces. It is changed step by step and is not safe for concurrent use.
type State struct {
	nodes      map[string]*Node
	byName     []*Node // those with an object, in order of name
	pods       map[types.UID]*placed
	namespaces map[string]labels.Set

	// Subsets of pods, so that the rules between Pods need not look at all of them.
	byNamespace map[string]map[types.UID]*placed
	repelling   map[types.UID]*placed // with required anti-affinity
	preferring  map[types.UID]*placed // with terms that weigh in the score of others

	nominees map[types.UID]nominee
	budgets  map[cache.ObjectName]budget
}

// nominee is a Pod that waits for its victims to leave a node.
type nominee struct {
	*Pod
	node string
}

// placed is a Pod on a node.
type placed struct {
	*Pod
	node *Node
}

// Node is one node and the sums over its Pods.
type Node struct {
	Name   string
	Object *corev1.Node // nil if Pods are bound to a node that is not there

	allocatable Resources
	requested   Resources
	weights     Resources // requested as the scores count it
	pods        map[types.UID]*Pod
	owners      map[types.UID]int // living Pods by controller
	ports       portUse
}

// NewState returns a State without nodes.
func NewState() *State {
	return &State{
		nodes:       map[string]*Node{},
		pods:        map[types.UID]*placed{},
		namespaces:  map[string]labels.Set{},
		byNamespace: map[string]map[types.UID]*placed{},
		repelling:   map[types.UID]*placed{},
		preferring:  map[types.UID]*placed{},
		nominees:    map[types.UID]nominee{},
		budgets:     map[cache.ObjectName]budget{},
	}
}

// SetNode adds a node, or takes over what changed of it. The object is not modified and must not be.
func (s *State) SetNode(object *corev1.Node) {
	node := s.node(object.Name)
	if node.Object == nil {
		at, _ := slices.BinarySearchFunc(s.byName, object.Name, compareName)
		s.byName = slices.Insert(s.byName, at, node)
	}
	node.Object = object
	node.allocatable = resourcesOf(object.Status.Allocatable)
}

// RemoveNode takes a node away. Pods that are still bound to it stay known.
func (s *State) RemoveNode(name string) {
	node, known := s.nodes[name]
	if !known || node.Object == nil {
		return
	}
	node.Object = nil
	at, _ := slices.BinarySearchFunc(s.byName, name, compareName)
	s.byName = slices.Delete(s.byName, at, at+1)
	s.forgetIfEmpty(node)
}

// SetNamespace says what labels a namespace has.
func (s *State) SetNamespace(name string, set labels.Set) { s.namespaces[name] = set }

// RemoveNamespace forgets the labels of a namespace.
func (s *State) RemoveNamespace(name string) { delete(s.namespaces, name) }

// Place puts a Pod on a node; it leaves the node where it was, if any. What it wished of a node is forgotten, so that
// State holds no objects of Pods.
func (s *State) Place(pod *Pod, nodeName string) {
	s.Remove(pod.UID)
	settled := *pod
	settled.wishes = wishes{}
	pod = &settled
	on := &placed{Pod: pod, node: s.node(nodeName)}
	s.pods[pod.UID] = on
	namespace := pod.Namespace
	if s.byNamespace[namespace] == nil {
		s.byNamespace[namespace] = map[types.UID]*placed{}
	}
	s.byNamespace[namespace][pod.UID] = on
	if len(pod.antiAffinity) > 0 {
		s.repelling[pod.UID] = on
	}
	if len(pod.affinity)+len(pod.attractions)+len(pod.repulsions) > 0 {
		s.preferring[pod.UID] = on
	}
	on.node.pods[pod.UID] = pod
	on.node.count(pod, 1)
}

// Remove takes a Pod off its node, and its nomination away. It reports whether it was on one.
func (s *State) Remove(uid types.UID) bool {
	delete(s.nominees, uid)
	on, known := s.pods[uid]
	if !known {
		return false
	}
	delete(s.pods, uid)
	namespace := on.Namespace
	delete(s.byNamespace[namespace], uid)
	if len(s.byNamespace[namespace]) == 0 {
		delete(s.byNamespace, namespace)
	}
	delete(s.repelling, uid)
	delete(s.preferring, uid)
	delete(on.node.pods, uid)
	on.node.count(on.Pod, -1)
	s.forgetIfEmpty(on.node)
	return true
}

// Condemn counts a Pod on a node as on its way out, before the API says so.
func (s *State) Condemn(pod *Pod) {
	if on, known := s.pods[pod.UID]; known {
		leaving := *on.Pod
		leaving.terminating = true
		s.Place(&leaving, on.node.Name)
	}
}

// Pardon takes a Condemn back, if the Pod is still there.
func (s *State) Pardon(pod *Pod) {
	if on, known := s.pods[pod.UID]; known {
		s.Place(pod, on.node.Name)
	}
}

// Nominate keeps room on a node, its requests and host ports, for a Pod whose victims are on their way out; "" gives
// the room back. Affinity towards such a Pod does not count before it is there.
func (s *State) Nominate(pod *Pod, nodeName string) {
	delete(s.nominees, pod.UID)
	if nodeName != "" {
		s.nominees[pod.UID] = nominee{Pod: pod, node: nodeName}
	}
}

// nominated is the node where room is kept for the Pod, if it is still there.
func (s *State) nominated(p *Pod) *Node {
	waiting, known := s.nominees[p.UID]
	if n := s.nodes[waiting.node]; known && n != nil && n.Object != nil {
		return n
	}
	return nil
}

func (s *State) node(name string) *Node {
	node, known := s.nodes[name]
	if !known {
		node = &Node{Name: name, pods: map[types.UID]*Pod{}, owners: map[types.UID]int{}, ports: portUse{}}
		s.nodes[name] = node
	}
	return node
}

func (s *State) forgetIfEmpty(node *Node) {
	if node.Object == nil && len(node.pods) == 0 {
		delete(s.nodes, node.Name)
	}
}

// count adds the Pod's share to the sums, or with sign -1 takes it away.
func (n *Node) count(pod *Pod, sign int64) {
	n.requested.add(pod.requests, sign)
	n.weights.add(pod.weights, sign)
	n.ports.add(pod.ports, int(sign))
	if pod.owner == "" || pod.terminating {
		return
	}
	if n.owners[pod.owner] += int(sign); n.owners[pod.owner] == 0 {
		delete(n.owners, pod.owner)
	}
}

// label is what the node says for a topology key. A node that is not there says nothing.
func (n *Node) label(key string) (string, bool) {
	if n.Object == nil {
		return "", false
	}
	value, has := n.Object.Labels[key]
	return value, has
}

func compareName(n *Node, name string) int { return strings.Compare(n.Name, name) }
