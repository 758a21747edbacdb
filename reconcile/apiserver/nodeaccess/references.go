package nodeaccess

import (
	corev1 "k8s.io/api/core/v1"
)

// Kind is one of those that Pods name.
type Kind string

// The kinds that a Pod can name, and that its node then reads.
const (
	Secret                Kind = "Secret"
	ConfigMap             Kind = "ConfigMap"
	ServiceAccount        Kind = "ServiceAccount"
	PersistentVolumeClaim Kind = "PersistentVolumeClaim"
	Audience              Kind = "Audience" // no object: for whom a projected token is, "" being the API server
)

// Reference names an object.
type Reference struct {
	Kind            Kind
	Namespace, Name string
}

// refers is whether a Pod of the namespace with this spec names the object.
func refers(namespace string, spec *corev1.PodSpec, object Reference) bool {
	if namespace != object.Namespace {
		return false
	}
	switch object.Kind {
	case ServiceAccount:
		return spec.ServiceAccountName == object.Name
	case Secret:
		for _, pull := range spec.ImagePullSecrets {
			if pull.Name == object.Name {
				return true
			}
		}
	}
	for i := range spec.Volumes {
		if volumeRefers(&spec.Volumes[i].VolumeSource, object) {
			return true
		}
	}
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			if environmentRefers(containers[i].EnvFrom, containers[i].Env, object) {
				return true
			}
		}
	}
	for i := range spec.EphemeralContainers {
		if c := &spec.EphemeralContainers[i]; environmentRefers(c.EnvFrom, c.Env, object) {
			return true
		}
	}
	return false
}

func volumeRefers(source *corev1.VolumeSource, object Reference) bool {
	switch object.Kind {
	case Secret:
		if source.Secret != nil && source.Secret.SecretName == object.Name {
			return true
		}
	case ConfigMap:
		if source.ConfigMap != nil && source.ConfigMap.Name == object.Name {
			return true
		}
	case PersistentVolumeClaim:
		return source.PersistentVolumeClaim != nil && source.PersistentVolumeClaim.ClaimName == object.Name
	}
	if source.Projected == nil {
		return false
	}
	for _, part := range source.Projected.Sources {
		if object.Kind == Secret && part.Secret != nil && part.Secret.Name == object.Name ||
			object.Kind == ConfigMap && part.ConfigMap != nil && part.ConfigMap.Name == object.Name ||
			object.Kind == Audience && part.ServiceAccountToken != nil && part.ServiceAccountToken.Audience == object.Name {
			return true
		}
	}
	return false
}

func environmentRefers(from []corev1.EnvFromSource, env []corev1.EnvVar, object Reference) bool {
	for _, source := range from {
		if object.Kind == Secret && source.SecretRef != nil && source.SecretRef.Name == object.Name ||
			object.Kind == ConfigMap && source.ConfigMapRef != nil && source.ConfigMapRef.Name == object.Name {
			return true
		}
	}
	for _, variable := range env {
		source := variable.ValueFrom
		if source == nil {
			continue
		}
		if object.Kind == Secret && source.SecretKeyRef != nil && source.SecretKeyRef.Name == object.Name ||
			object.Kind == ConfigMap && source.ConfigMapKeyRef != nil && source.ConfigMapKeyRef.Name == object.Name {
			return true
		}
	}
	return false
}
