package node

import (
	"context"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// file is one of a volume whose content comes from the API.
type file struct {
	data []byte
	mode os.FileMode
	user *int64 // its owner; nil is the node's own user
}

// source is one part of a volume whose content comes from the API, with the mode of files that name none.
type source struct {
	corev1.VolumeProjection
	mode int32
}

const defaultFileMode = 0o644

// sources are the parts of such a volume, in order; none for other volumes. A part that is not carried out has
// none of ConfigMap, Secret, DownwardAPI and ServiceAccountToken set.
func sources(v *corev1.Volume) []source {
	switch {
	case v.ConfigMap != nil:
		return []source{{mode: modeOr(v.ConfigMap.DefaultMode), VolumeProjection: corev1.VolumeProjection{
			ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: v.ConfigMap.LocalObjectReference, Items: v.ConfigMap.Items, Optional: v.ConfigMap.Optional,
			}}}}
	case v.Secret != nil:
		return []source{{mode: modeOr(v.Secret.DefaultMode), VolumeProjection: corev1.VolumeProjection{
			Secret: &corev1.SecretProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: v.Secret.SecretName}, Items: v.Secret.Items, Optional: v.Secret.Optional,
			}}}}
	case v.DownwardAPI != nil:
		return []source{{mode: modeOr(v.DownwardAPI.DefaultMode), VolumeProjection: corev1.VolumeProjection{
			DownwardAPI: &corev1.DownwardAPIProjection{Items: v.DownwardAPI.Items},
		}}}
	case v.Projected != nil:
		var all []source
		for _, projection := range v.Projected.Sources {
			all = append(all, source{mode: modeOr(v.Projected.DefaultMode), VolumeProjection: projection})
		}
		return all
	}
	return nil
}

func modeOr(mode *int32) int32 {
	if mode == nil {
		return defaultFileMode
	}
	return *mode
}

// payload is what the files of a volume should be now, by path. Where two parts give the same path the later one holds.
func (n *Node) payload(ctx context.Context, pod *corev1.Pod, v *corev1.Volume) (map[string]file, error) {
	files := map[string]file{}
	for _, part := range sources(v) {
		if err := n.addPart(ctx, files, pod, part); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (n *Node) addPart(ctx context.Context, files map[string]file, pod *corev1.Pod, part source) error {
	switch {
	case part.ConfigMap != nil:
		m, err := n.objects.configMap(ctx, pod.Namespace, part.ConfigMap.Name)
		if apierrors.IsNotFound(err) && optional(part.ConfigMap.Optional) {
			return nil
		}
		if err != nil {
			return err
		}
		data := map[string][]byte{}
		for name, value := range m.Data {
			data[name] = []byte(value)
		}
		for name, value := range m.BinaryData {
			data[name] = value
		}
		return pick(files, data, part.ConfigMap.Items, part.mode, optional(part.ConfigMap.Optional), "configmap references non-existent config key: %s")
	case part.Secret != nil:
		s, err := n.objects.secret(ctx, pod.Namespace, part.Secret.Name)
		if apierrors.IsNotFound(err) && optional(part.Secret.Optional) {
			return nil
		}
		if err != nil {
			return err
		}
		return pick(files, s.Data, part.Secret.Items, part.mode, optional(part.Secret.Optional), "references non-existent secret key: %s")
	case part.DownwardAPI != nil:
		return n.addDownward(files, pod, part)
	case part.ServiceAccountToken != nil:
		token, err := n.tokens.get(ctx, keyOf(pod), pod, part.ServiceAccountToken)
		if err != nil {
			return err
		}
		files[part.ServiceAccountToken.Path] = tokenFile(pod, token, part.mode)
		return nil
	}
	return fmt.Errorf("a part of this volume is of a type that is not supported")
}

// pick adds the keys that items name, under their paths, or all of them where there are no items.
func pick(files map[string]file, data map[string][]byte, items []corev1.KeyToPath, mode int32, optional bool, missing string) error {
	if len(items) == 0 {
		for name, value := range data {
			files[name] = file{data: value, mode: os.FileMode(mode)}
		}
		return nil
	}
	for _, item := range items {
		value, found := data[item.Key]
		switch {
		case !found && optional:
			continue
		case !found:
			return fmt.Errorf(missing, item.Key)
		}
		files[item.Path] = file{data: value, mode: itemMode(item.Mode, mode)}
	}
	return nil
}

func itemMode(own *int32, other int32) os.FileMode {
	if own != nil {
		return os.FileMode(*own)
	}
	return os.FileMode(other)
}

func (n *Node) addDownward(files map[string]file, pod *corev1.Pod, part source) error {
	for _, item := range part.DownwardAPI.Items {
		var value string
		var err error
		switch {
		case item.FieldRef != nil:
			value, err = n.podField(pod, item.FieldRef.FieldPath, "")
		case item.ResourceFieldRef != nil:
			c := containerByName(pod, item.ResourceFieldRef.ContainerName)
			if c == nil {
				return fmt.Errorf("container %s not found in pod %s", item.ResourceFieldRef.ContainerName, pod.Name)
			}
			value, err = n.containerResource(pod, c, item.ResourceFieldRef)
		}
		if err != nil {
			return err
		}
		files[item.Path] = file{data: []byte(value), mode: itemMode(item.Mode, part.mode)}
	}
	return nil
}
