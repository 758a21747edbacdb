package api

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// validateAllContainers judges init containers and containers; a name is unique among all.
func validateAllContainers(spec *corev1.PodSpec, at *field.Path) field.ErrorList {
	volumes := sets.New[string]()
	for _, v := range spec.Volumes {
		volumes.Insert(v.Name)
	}
	grace := ptr.Deref(spec.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	names := sets.New[string]()
	var errs field.ErrorList
	for _, list := range containerLists(spec, at) {
		for i := range list.containers {
			c, here := &list.containers[i], list.path.Index(i)
			if c.Name != "" && names.Has(c.Name) {
				errs = append(errs, field.Duplicate(here.Child("name"), c.Name))
			}
			names.Insert(c.Name)
			errs = append(errs, validateContainer(c, volumes, grace, here)...)
		}
		errs = append(errs, validateHostPortConflicts(list)...)
	}
	for i := range spec.InitContainers {
		errs = append(errs, validateInitContainer(&spec.InitContainers[i], at.Child("initContainers").Index(i))...)
	}
	if len(spec.Containers) == 0 {
		errs = append(errs, field.Required(at.Child("containers"), ""))
	}
	return errs
}

// validateContainer judges one container. volumes are the Pod's, by name; grace is its terminationGracePeriodSeconds.
func validateContainer(c *corev1.Container, volumes sets.Set[string], grace int64, at *field.Path) field.ErrorList {
	errs := requiredName(c.Name, at.Child("name"), validation.IsDNS1123Label)
	if c.Image == "" {
		errs = append(errs, field.Required(at.Child("image"), ""))
	}
	errs = append(errs, oneOf(c.ImagePullPolicy, at.Child("imagePullPolicy"), corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
	errs = append(errs, oneOf(c.TerminationMessagePolicy, at.Child("terminationMessagePolicy"),
		corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError)...)
	errs = append(errs, validatePorts(c.Ports, at.Child("ports"))...)
	errs = append(errs, validateEnv(c.Env, at.Child("env"))...)
	errs = append(errs, validateEnvFrom(c.EnvFrom, at.Child("envFrom"))...)
	errs = append(errs, validateMounts(c.VolumeMounts, volumes, at.Child("volumeMounts"))...)
	errs = append(errs, validateResources(&c.Resources, at.Child("resources"))...)
	errs = append(errs, validateSecurity(c.SecurityContext, at.Child("securityContext"))...)
	errs = append(errs, validateLifecycle(c.Lifecycle, grace, at.Child("lifecycle"))...)
	return append(errs, validateProbes(c, at)...)
}

// validateInitContainer refuses what makes sense only for a container that stays.
func validateInitContainer(c *corev1.Container, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, only := range []struct {
		name string
		set  bool
	}{
		{"lifecycle", c.Lifecycle != nil}, {"livenessProbe", c.LivenessProbe != nil},
		{"readinessProbe", c.ReadinessProbe != nil}, {"startupProbe", c.StartupProbe != nil},
	} {
		if only.set {
			errs = append(errs, field.Forbidden(at.Child(only.name), "may not be set for init containers without restartPolicy=Always"))
		}
	}
	return errs
}

func validatePorts(ports []corev1.ContainerPort, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i, port := range ports {
		here := at.Index(i)
		errs = append(errs, optionalName(port.Name, here.Child("name"), validation.IsValidPortName)...)
		if port.Name != "" && names.Has(port.Name) {
			errs = append(errs, field.Duplicate(here.Child("name"), port.Name))
		}
		names.Insert(port.Name)
		if port.ContainerPort == 0 {
			errs = append(errs, field.Required(here.Child("containerPort"), ""))
		} else {
			errs = append(errs, portNumber(port.ContainerPort, here.Child("containerPort"))...)
		}
		if port.HostPort != 0 {
			errs = append(errs, portNumber(port.HostPort, here.Child("hostPort"))...)
		}
		if port.HostIP != "" {
			errs = append(errs, validation.IsValidIP(here.Child("hostIP"), port.HostIP)...)
		}
		errs = append(errs, oneOf(port.Protocol, here.Child("protocol"), corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
	}
	return errs
}

func portNumber(port int32, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, message := range validation.IsValidPortNum(int(port)) {
		errs = append(errs, field.Invalid(at, port, message))
	}
	return errs
}

// validateHostPortConflicts finds ports of the machine that two containers of a list want. Init containers run
// before the others do, so the lists do not meet.
func validateHostPortConflicts(list containerList) field.ErrorList {
	var errs field.ErrorList
	taken := sets.New[string]()
	for i, c := range list.containers {
		for j, port := range c.Ports {
			if port.HostPort == 0 {
				continue
			}
			key := fmt.Sprintf("%s/%s/%d", port.Protocol, port.HostIP, port.HostPort)
			if taken.Has(key) {
				errs = append(errs, field.Duplicate(list.path.Index(i).Child("ports").Index(j).Child("hostPort"), key))
			}
			taken.Insert(key)
		}
	}
	return errs
}

// validateHostPorts holds a Pod on the machine's network to the ports that its containers listen on. A template may
// leave them out: each Pod made from it gets them by default.
func validateHostPorts(spec *corev1.PodSpec, at *field.Path, mayBeUnset bool) field.ErrorList {
	if !spec.HostNetwork {
		return nil
	}
	var errs field.ErrorList
	for _, list := range containerLists(spec, at) {
		for i, c := range list.containers {
			for j, port := range c.Ports {
				if port.HostPort != port.ContainerPort && !(mayBeUnset && port.HostPort == 0) {
					errs = append(errs, field.Invalid(list.path.Index(i).Child("ports").Index(j).Child("hostPort"), port.HostPort,
						"must match `containerPort` when `hostNetwork` is true"))
				}
			}
		}
	}
	return errs
}

func validateMounts(mounts []corev1.VolumeMount, volumes sets.Set[string], at *field.Path) field.ErrorList {
	var errs field.ErrorList
	places := sets.New[string]()
	for i, mount := range mounts {
		here := at.Index(i)
		switch {
		case mount.Name == "":
			errs = append(errs, field.Required(here.Child("name"), ""))
		case !volumes.Has(mount.Name):
			errs = append(errs, field.NotFound(here.Child("name"), mount.Name))
		}
		if mount.MountPath == "" {
			errs = append(errs, field.Required(here.Child("mountPath"), ""))
		}
		if places.Has(mount.MountPath) {
			errs = append(errs, field.Invalid(here.Child("mountPath"), mount.MountPath, "must be unique"))
		}
		places.Insert(mount.MountPath)
		if mount.SubPath != "" {
			errs = append(errs, pathInside(mount.SubPath, here.Child("subPath"))...)
		}
		if mount.SubPathExpr != "" {
			errs = append(errs, pathInside(mount.SubPathExpr, here.Child("subPathExpr"))...)
		}
		if mount.SubPath != "" && mount.SubPathExpr != "" {
			errs = append(errs, field.Invalid(here.Child("subPathExpr"), mount.SubPathExpr, "subPathExpr and subPath are mutually exclusive"))
		}
	}
	return errs
}

// pathInside judges a path that must stay below the directory that it is relative to.
func pathInside(value string, at *field.Path) field.ErrorList {
	if path.IsAbs(value) {
		return field.ErrorList{field.Invalid(at, value, "must be a relative path")}
	}
	return noBackSteps(value, at)
}

func noBackSteps(value string, at *field.Path) field.ErrorList {
	for _, step := range strings.Split(value, "/") {
		if step == ".." {
			return field.ErrorList{field.Invalid(at, value, "must not contain '..'")}
		}
	}
	return nil
}
