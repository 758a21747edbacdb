package node

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// secure puts the security contexts of Pod and container, the latter first, into spec. imageUser is the image's USER.
func secure(spec *runtime.ContainerSpec, pod *corev1.Pod, c *corev1.Container, imageUser string) error {
	podContext, context := pod.Spec.SecurityContext, c.SecurityContext
	if podContext == nil {
		podContext = &corev1.PodSecurityContext{}
	}
	if context == nil {
		context = &corev1.SecurityContext{}
	}
	uid := runAsUser(pod, c)
	gid := first(context.RunAsGroup, podContext.RunAsGroup)
	if nonRoot := first(context.RunAsNonRoot, podContext.RunAsNonRoot); nonRoot != nil && *nonRoot {
		if err := verifyNonRoot(pod, c, uid, imageUser); err != nil {
			return err
		}
	}
	switch {
	case uid != nil && gid != nil:
		spec.User = fmt.Sprintf("%d:%d", *uid, *gid)
	case uid != nil:
		spec.User = strconv.FormatInt(*uid, 10)
	case gid != nil:
		user, _, _ := strings.Cut(imageUser, ":")
		if user == "" {
			user = "0"
		}
		spec.User = fmt.Sprintf("%s:%d", user, *gid)
	}
	for _, group := range podContext.SupplementalGroups {
		spec.Groups = append(spec.Groups, strconv.FormatInt(group, 10))
	}
	if podContext.FSGroup != nil && !slices.Contains(podContext.SupplementalGroups, *podContext.FSGroup) {
		spec.Groups = append(spec.Groups, strconv.FormatInt(*podContext.FSGroup, 10))
	}
	spec.Privileged = context.Privileged != nil && *context.Privileged
	spec.ReadOnlyRootFS = context.ReadOnlyRootFilesystem != nil && *context.ReadOnlyRootFilesystem
	spec.NoNewPrivileges = context.AllowPrivilegeEscalation != nil && !*context.AllowPrivilegeEscalation
	if caps := context.Capabilities; caps != nil {
		spec.CapAdd, spec.CapDrop = capabilities(caps.Add), capabilities(caps.Drop)
	}
	return nil
}

// runAsUser is the user that the Pod says for a container, nil for that of the image.
func runAsUser(pod *corev1.Pod, c *corev1.Container) *int64 {
	if c.SecurityContext != nil && c.SecurityContext.RunAsUser != nil {
		return c.SecurityContext.RunAsUser
	}
	if pod.Spec.SecurityContext != nil {
		return pod.Spec.SecurityContext.RunAsUser
	}
	return nil
}

func first[T any](values ...*T) *T {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

// verifyNonRoot holds runAsNonRoot against the user that the container would have, in upstream's words.
func verifyNonRoot(pod *corev1.Pod, c *corev1.Container, uid *int64, imageUser string) error {
	if uid != nil {
		if *uid == 0 {
			return fmt.Errorf("container's runAsUser breaks non-root policy (pod: %q, container: %s)", fullName(pod), c.Name)
		}
		return nil
	}
	user, _, _ := strings.Cut(imageUser, ":")
	if user == "" {
		user = "0"
	}
	id, err := strconv.ParseInt(user, 10, 64)
	switch {
	case err != nil:
		return fmt.Errorf("container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root (pod: %q, container: %s)",
			user, fullName(pod), c.Name)
	case id == 0:
		return fmt.Errorf("container has runAsNonRoot and image will run as root (pod: %q, container: %s)", fullName(pod), c.Name)
	}
	return nil
}

// capabilities in the engine's spelling: without CAP_.
func capabilities(names []corev1.Capability) []string {
	var out []string
	for _, name := range names {
		out = append(out, strings.TrimPrefix(strings.ToUpper(string(name)), "CAP_"))
	}
	return out
}
