package node

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/kubectl/pkg/util/fieldpath"
	"k8s.io/kubectl/pkg/util/resource"
)

// environment is a container's variables, in the order in which they were first set.
type environment struct {
	names  []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	if _, known := e.values[name]; !known {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

// list is as the engine takes it.
func (e *environment) list() []string {
	var list []string
	for _, name := range e.names {
		list = append(list, name+"="+e.values[name])
	}
	return list
}

func (e *environment) expandAll(words []string) []string {
	var out []string
	for _, word := range words {
		out = append(out, expand(word, e.values))
	}
	return out
}

// expand replaces $(NAME) by its value. $$ is a dollar sign, and what is not known stays as it is.
func expand(s string, values map[string]string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '$' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		switch s[i+1] {
		case '$':
			out.WriteByte('$')
			i++
		case '(':
			end := strings.IndexByte(s[i:], ')')
			if end < 0 {
				out.WriteString(s[i:])
				return out.String()
			}
			name := s[i+2 : i+end]
			if value, known := values[name]; known {
				out.WriteString(value)
			} else {
				out.WriteString(s[i : i+end+1])
			}
			i += end
		default:
			out.WriteByte('$')
		}
	}
	return out.String()
}

// environment collects a container's variables: the API server's address, envFrom, then env.
func (n *Node) environment(ctx context.Context, pod *corev1.Pod, c *corev1.Container, podIP string) (*environment, error) {
	env := &environment{values: map[string]string{}}
	if n.ServiceHost != "" {
		env.set("KUBERNETES_SERVICE_HOST", n.ServiceHost)
		env.set("KUBERNETES_SERVICE_PORT", n.ServicePort)
	}
	for _, from := range c.EnvFrom {
		data, err := n.envFrom(ctx, pod.Namespace, from)
		if err != nil {
			return nil, err
		}
		for _, name := range sortedKeys(data) {
			env.set(from.Prefix+name, data[name])
		}
	}
	for _, v := range c.Env {
		if v.ValueFrom == nil {
			env.set(v.Name, expand(v.Value, env.values))
			continue
		}
		value, found, err := n.envValue(ctx, pod, c, v.ValueFrom, podIP)
		if err != nil {
			return nil, err
		}
		if found {
			env.set(v.Name, value)
		}
	}
	return env, nil
}

// envFrom is all of a ConfigMap or Secret; nothing where an optional one is missing.
func (n *Node) envFrom(ctx context.Context, namespace string, from corev1.EnvFromSource) (map[string]string, error) {
	switch {
	case from.ConfigMapRef != nil:
		m, err := n.objects.configMap(ctx, namespace, from.ConfigMapRef.Name)
		if err != nil {
			return nil, unless(optional(from.ConfigMapRef.Optional) && apierrors.IsNotFound(err), err)
		}
		return m.Data, nil
	case from.SecretRef != nil:
		s, err := n.objects.secret(ctx, namespace, from.SecretRef.Name)
		if err != nil {
			return nil, unless(optional(from.SecretRef.Optional) && apierrors.IsNotFound(err), err)
		}
		data := map[string]string{}
		for name, value := range s.Data {
			data[name] = string(value)
		}
		return data, nil
	}
	return nil, nil
}

func optional(b *bool) bool { return b != nil && *b }

func unless(harmless bool, err error) error {
	if harmless {
		return nil
	}
	return err
}

// envValue is one variable's; found is false where an optional source is missing.
func (n *Node) envValue(ctx context.Context, pod *corev1.Pod, c *corev1.Container, from *corev1.EnvVarSource, podIP string) (value string, found bool, err error) {
	switch {
	case from.FieldRef != nil:
		value, err := n.podField(pod, from.FieldRef.FieldPath, podIP)
		return value, true, err
	case from.ResourceFieldRef != nil:
		value, err := n.containerResource(pod, c, from.ResourceFieldRef)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		m, err := n.objects.configMap(ctx, pod.Namespace, ref.Name)
		if err != nil {
			return "", false, unless(optional(ref.Optional) && apierrors.IsNotFound(err), err)
		}
		value, found := m.Data[ref.Key]
		if !found && !optional(ref.Optional) {
			return "", false, fmt.Errorf("couldn't find key %v in ConfigMap %v/%v", ref.Key, pod.Namespace, ref.Name)
		}
		return value, found, nil
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		s, err := n.objects.secret(ctx, pod.Namespace, ref.Name)
		if err != nil {
			return "", false, unless(optional(ref.Optional) && apierrors.IsNotFound(err), err)
		}
		data, found := s.Data[ref.Key]
		if !found && !optional(ref.Optional) {
			return "", false, fmt.Errorf("couldn't find key %v in Secret %v/%v", ref.Key, pod.Namespace, ref.Name)
		}
		return string(data), found, nil
	}
	return "", false, nil
}

// podField is what the downward API gives of the Pod.
func (n *Node) podField(pod *corev1.Pod, path, podIP string) (string, error) {
	if pod.Spec.HostNetwork {
		podIP = n.InternalIP
	}
	switch path {
	case "spec.nodeName":
		return n.Name, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP", "status.hostIPs":
		return n.InternalIP, nil
	case "status.podIP", "status.podIPs":
		return podIP, nil
	}
	return fieldpath.ExtractFieldPathAsString(pod, path)
}

// containerResource is what the downward API gives of a container's resources; what has no limit has the machine's.
func (n *Node) containerResource(pod *corev1.Pod, c *corev1.Container, ref *corev1.ResourceFieldSelector) (string, error) {
	if ref.ContainerName != "" && ref.ContainerName != c.Name {
		if c = containerByName(pod, ref.ContainerName); c == nil {
			return "", fmt.Errorf("container %s not found in pod %s", ref.ContainerName, pod.Name)
		}
	}
	c = c.DeepCopy()
	if c.Resources.Limits == nil {
		c.Resources.Limits = corev1.ResourceList{}
	}
	for name, quantity := range capacity(n.engineInfo(), n.MaxPods) {
		if _, given := c.Resources.Limits[name]; !given {
			c.Resources.Limits[name] = quantity
		}
	}
	return resource.ExtractContainerResourceValue(ref, c)
}
