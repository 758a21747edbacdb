package api

import (
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var secret = Of[*corev1.Secret]{
	Version: "v1", Kind: "Secret", Resource: "secrets", Singular: "secret", Namespaced: true,
	New:            func() *corev1.Secret { return &corev1.Secret{} },
	NewList:        func() runtime.Object { return &corev1.SecretList{} },
	Default:        defaultSecret,
	Validate:       validateSecret,
	ValidateUpdate: validateSecretUpdate,
	Fields: func(s *corev1.Secret) fields.Set {
		return fields.Set{"type": string(s.Type)}
	},
	Columns: []metav1.TableColumnDefinition{
		nameColumn,
		column("Type", "string", "What the keys mean."),
		column("Data", "integer", "Number of keys."),
		ageColumn,
	},
	Row: func(s *corev1.Secret, now time.Time) []any {
		return []any{s.Name, string(s.Type), int64(len(s.Data)), age(s.CreationTimestamp, now)}
	},
}

// defaultSecret also moves stringData, which is for writing only, into data, where it wins.
func defaultSecret(s *corev1.Secret) {
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = make(map[string][]byte, len(s.StringData))
	}
	for key, value := range s.StringData {
		s.Data[key] = []byte(value)
	}
	s.StringData = nil
}

// secretKeys are the keys without which a Secret of the type is of no use.
var secretKeys = map[corev1.SecretType][]string{
	corev1.SecretTypeDockercfg:        {corev1.DockerConfigKey},
	corev1.SecretTypeDockerConfigJson: {corev1.DockerConfigJsonKey},
	corev1.SecretTypeSSHAuth:          {corev1.SSHAuthPrivateKey},
	corev1.SecretTypeTLS:              {corev1.TLSCertKey, corev1.TLSPrivateKeyKey},
}

func validateSecret(s *corev1.Secret) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("data")
	total := 0
	for _, key := range sortedKeys(s.Data) {
		errs = append(errs, invalid(path.Key(key), key, validation.IsConfigMapKey(key))...)
		total += len(s.Data[key])
	}
	if total > maxDataBytes {
		errs = append(errs, field.TooLong(path, "", maxDataBytes))
	}
	for _, key := range secretKeys[s.Type] {
		content, there := s.Data[key]
		if empty := len(content) == 0; !there || empty && s.Type == corev1.SecretTypeSSHAuth {
			errs = append(errs, field.Required(path.Key(key), ""))
		}
	}
	switch s.Type {
	case corev1.SecretTypeServiceAccountToken:
		if s.Annotations[corev1.ServiceAccountNameKey] == "" {
			errs = append(errs, field.Required(field.NewPath("metadata", "annotations").Key(corev1.ServiceAccountNameKey), ""))
		}
	case corev1.SecretTypeBasicAuth:
		_, user := s.Data[corev1.BasicAuthUsernameKey]
		_, password := s.Data[corev1.BasicAuthPasswordKey]
		if !user && !password { // either alone is allowed, and may be empty
			errs = append(errs, field.Required(path.Key(corev1.BasicAuthUsernameKey), ""), field.Required(path.Key(corev1.BasicAuthPasswordKey), ""))
		}
	case corev1.SecretTypeDockercfg:
		errs = append(errs, validateSecretJSON(s, corev1.DockerConfigKey)...)
	case corev1.SecretTypeDockerConfigJson:
		errs = append(errs, validateSecretJSON(s, corev1.DockerConfigJsonKey)...)
	}
	return errs
}

// validateSecretJSON wants a JSON object under the key, and never prints what is there.
func validateSecretJSON(s *corev1.Secret, key string) field.ErrorList {
	content, there := s.Data[key]
	if !there {
		return nil
	}
	if err := json.Unmarshal(content, &map[string]any{}); err != nil {
		return field.ErrorList{field.Invalid(field.NewPath("data").Key(key), "<secret contents redacted>", err.Error())}
	}
	return nil
}

func validateSecretUpdate(s, old *corev1.Secret) field.ErrorList {
	errs := apivalidation.ValidateImmutableField(s.Type, old.Type, field.NewPath("type"))
	if old.Immutable == nil || !*old.Immutable {
		return errs
	}
	if s.Immutable == nil || !*s.Immutable {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableData))
	}
	if !apiequality.Semantic.DeepEqual(s.Data, old.Data) {
		errs = append(errs, field.Forbidden(field.NewPath("data"), immutableData))
	}
	return errs
}
