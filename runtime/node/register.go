package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/runtime"
)

const (
	heartbeatPeriod = 10 * time.Second // unless Options say otherwise
	// statusPeriod is how often a Node's status is written although nothing changed; the Lease is the heartbeat.
	statusPeriod = 5 * time.Minute
	// engineGrace is how long an engine may be away before the Node is not ready.
	engineGrace = 5 * time.Second
	// retries while the API does not answer: 250 ms, doubling to the heartbeat's period.
	firstHeartbeatRetry = 250 * time.Millisecond
)

// errEngineNeeded: what runs must be known before this node may exist in the API.
var errEngineNeeded = errors.New("the container engine must answer before the node can register")

// register makes this node's object and keeps it and its Lease current until ctx ends.
func (n *Node) register(ctx context.Context) {
	var written time.Time
	for failures := 0; ctx.Err() == nil; {
		wait := n.Heartbeat
		if err := n.heartbeat(ctx, &written); err != nil && ctx.Err() == nil {
			failures++
			if failures == 1 && !errors.Is(err, errEngineNeeded) {
				n.Logger.Warn().Err(err).Str("node", n.Name).Msg("heartbeat")
			}
			wait = doubled(firstHeartbeatRetry, failures, n.Heartbeat)
		} else {
			failures = 0
		}
		if up, _, _ := n.health.get(); !up {
			wait = min(wait, engineGrace)
		}
		select {
		case <-ctx.Done():
		case <-n.health.turned:
		case <-n.lost:
		case <-n.Clock.After(wait):
		}
	}
}

func (n *Node) heartbeat(ctx context.Context, written *time.Time) error {
	asking, cancel := context.WithTimeout(ctx, heartbeatPeriod) // of the real clock: a link may be dead without a sign
	defer cancel()
	node, err := n.Client.CoreV1().Nodes().Get(asking, n.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		node, err = n.introduce(ctx)
		*written = time.Time{}
	}
	if err != nil {
		return err
	}
	n.adoptedOnce.Do(func() { close(n.adopted) })
	if node, err = n.keepLabels(asking, node); err != nil {
		return err
	}
	unusable := n.joinNetwork(ctx, node.Spec.PodCIDR)
	if err := n.reportNode(asking, node, written); err != nil {
		return err
	}
	if err := n.renewLease(asking, node); err != nil {
		return err
	}
	return unusable
}

// joinNetwork gives the Pods the network that the API has for this node, if the engine is there to make it.
func (n *Node) joinNetwork(ctx context.Context, cidr string) error {
	if up, _, _ := n.health.get(); !up {
		return nil
	}
	began := n.networked()
	err := n.useNetwork(ctx, cidr)
	if errors.Is(err, runtime.ErrUnusable) && !began {
		n.fail(err)
	}
	return err
}

// introduce brings this machine to an API server that does not know it: first its Pods, then its Node.
func (n *Node) introduce(ctx context.Context) (*corev1.Node, error) {
	if up, _, _ := n.health.get(); !up {
		return nil, errEngineNeeded
	}
	if err := n.adopt(ctx); err != nil {
		return nil, err
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: n.nodeLabels()},
		Spec:       corev1.NodeSpec{Taints: n.Taints},
	}
	if found, _, _ := n.network.get(); found != "" { // Pods may run in it
		node.Spec.PodCIDR, node.Spec.PodCIDRs = found, []string{found}
	}
	node.Status = n.nodeStatus(corev1.NodeStatus{})
	created, err := n.Client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if apierrors.IsInvalid(err) && !n.networked() { // most likely the subnet of a network that is there
		n.fail(err)
	}
	if err != nil {
		return nil, fmt.Errorf("register node: %w", err)
	}
	n.Logger.Info().Str("node", n.Name).Msg("registered")
	return created, nil
}

// nodeLabels are those that this node sees to; others are the user's.
func (n *Node) nodeLabels() map[string]string {
	info := n.engineInfo()
	labels := map[string]string{corev1.LabelHostname: n.Name}
	if info.OS != "" {
		labels[corev1.LabelOSStable], labels[corev1.LabelArchStable] = info.OS, info.Architecture
	}
	maps.Copy(labels, n.Labels)
	return labels
}

func (n *Node) keepLabels(ctx context.Context, node *corev1.Node) (*corev1.Node, error) {
	changed := node.DeepCopy()
	for name, value := range n.nodeLabels() {
		metav1.SetMetaDataLabel(&changed.ObjectMeta, name, value)
	}
	if apiequality.Semantic.DeepEqual(changed.Labels, node.Labels) {
		return node, nil
	}
	changed, err := n.Client.CoreV1().Nodes().Update(ctx, changed, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("label node: %w", err)
	}
	return changed, nil
}

// reportNode writes the status if it changed, and now and then if it did not.
func (n *Node) reportNode(ctx context.Context, node *corev1.Node, written *time.Time) error {
	now := n.Clock.Now()
	status := n.nodeStatus(node.Status)
	if sameNodeStatus(status, node.Status) && now.Sub(*written) < statusPeriod {
		return nil
	}
	node = node.DeepCopy()
	node.Status = status
	if _, err := n.Client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("report node: %w", err)
	}
	*written = now
	return nil
}

func sameNodeStatus(a, b corev1.NodeStatus) bool {
	a, b = *a.DeepCopy(), *b.DeepCopy()
	for _, conditions := range [][]corev1.NodeCondition{a.Conditions, b.Conditions} {
		for i := range conditions {
			conditions[i].LastHeartbeatTime = metav1.Time{}
		}
	}
	return apiequality.Semantic.DeepEqual(a, b)
}
