package api

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Every field of a Pod's spec is either carried out (the lists below) or an exception (pod_unsupported.go): refused, or
// ignored with a warning. One that is in neither, because a newer k8s.io/api brought it, is refused.

// carriedOut are the fields that the scheduler and the node act on, by the type that has them. A field of a struct type that
// is listed here is looked into; the types of other packages (quantities, label selectors) are whole.
var carriedOut = map[string]string{
	"PodSpec": "volumes initContainers containers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds " +
		"nodeSelector serviceAccountName serviceAccount nodeName hostNetwork securityContext hostname affinity schedulerName " +
		"tolerations hostAliases imagePullSecrets priorityClassName priority readinessGates enableServiceLinks preemptionPolicy topologySpreadConstraints os schedulingGates",
	"PodOS":             "",
	"HostAlias":         "ip hostnames",
	"PodReadinessGate":  "conditionType",
	"PodSchedulingGate": "name",

	// resizePolicy asks for nothing until the resources of a running container are changed, which no endpoint offers.
	"Container": "name image command args workingDir ports envFrom env resources resizePolicy volumeMounts livenessProbe readinessProbe " +
		"startupProbe lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext stdin stdinOnce tty",
	"ContainerPort":         "name hostPort containerPort protocol hostIP",
	"ContainerResizePolicy": "resourceName restartPolicy",
	"ResourceRequirements":  "limits requests",
	"EnvVar":                "name value valueFrom",
	"EnvVarSource":          "fieldRef resourceFieldRef configMapKeyRef secretKeyRef",
	"EnvFromSource":         "prefix configMapRef secretRef",
	"ConfigMapEnvSource":    "optional",
	"SecretEnvSource":       "optional",
	"ConfigMapKeySelector":  "key optional",
	"SecretKeySelector":     "key optional",
	"LocalObjectReference":  "name",
	"ObjectFieldSelector":   "apiVersion fieldPath",
	"ResourceFieldSelector": "containerName resource divisor",

	"Probe":            "initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold terminationGracePeriodSeconds",
	"ProbeHandler":     "exec httpGet tcpSocket",
	"Lifecycle":        "postStart preStop",
	"LifecycleHandler": "exec httpGet sleep",
	"ExecAction":       "command",
	"HTTPGetAction":    "path port host scheme httpHeaders",
	"HTTPHeader":       "name value",
	"TCPSocketAction":  "port host",
	"SleepAction":      "seconds",

	"PodSecurityContext": "runAsUser runAsGroup runAsNonRoot supplementalGroups fsGroup fsGroupChangePolicy seccompProfile appArmorProfile",
	"SecurityContext": "capabilities privileged runAsUser runAsGroup runAsNonRoot readOnlyRootFilesystem allowPrivilegeEscalation " +
		"seccompProfile appArmorProfile",
	"Capabilities":    "add drop",
	"SeccompProfile":  "",
	"AppArmorProfile": "",

	"Volume":                        "name",
	"VolumeSource":                  "hostPath emptyDir secret downwardAPI configMap projected",
	"HostPathVolumeSource":          "path type",
	"EmptyDirVolumeSource":          "",
	"SecretVolumeSource":            "secretName items defaultMode optional",
	"ConfigMapVolumeSource":         "items defaultMode optional",
	"DownwardAPIVolumeSource":       "items defaultMode",
	"ProjectedVolumeSource":         "sources defaultMode",
	"VolumeProjection":              "secret downwardAPI configMap serviceAccountToken",
	"SecretProjection":              "items optional",
	"ConfigMapProjection":           "items optional",
	"DownwardAPIProjection":         "items",
	"ServiceAccountTokenProjection": "audience expirationSeconds path",
	"DownwardAPIVolumeFile":         "path fieldRef resourceFieldRef mode",
	"KeyToPath":                     "key path mode",
	"VolumeMount":                   "name readOnly mountPath subPath subPathExpr",

	"Affinity":                 "nodeAffinity podAffinity podAntiAffinity",
	"NodeAffinity":             "requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution",
	"PodAffinity":              "requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution",
	"PodAntiAffinity":          "requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution",
	"NodeSelector":             "nodeSelectorTerms",
	"NodeSelectorTerm":         "matchExpressions matchFields",
	"NodeSelectorRequirement":  "key operator values",
	"PreferredSchedulingTerm":  "weight preference",
	"PodAffinityTerm":          "labelSelector namespaces topologyKey namespaceSelector matchLabelKeys mismatchLabelKeys",
	"WeightedPodAffinityTerm":  "weight podAffinityTerm",
	"Toleration":               "key operator value effect tolerationSeconds",
	"TopologySpreadConstraint": "maxSkew topologyKey whenUnsatisfiable labelSelector minDomains nodeAffinityPolicy nodeTaintsPolicy matchLabelKeys",
}

// carried holds the keys "Type.field" of carriedOut.
var carried = func() map[string]bool {
	keys := map[string]bool{}
	for name, list := range carriedOut {
		for _, f := range strings.Fields(list) {
			keys[name+"."+f] = true
		}
	}
	return keys
}()

// refusedFields are errors for what the spec asks for and the node does not do.
func refusedFields(spec *corev1.PodSpec, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	findExceptions(reflect.ValueOf(spec), at, func(e exception, at *field.Path) {
		if !e.harmless {
			errs = append(errs, field.Forbidden(at, e.reason))
		}
	})
	return errs
}

// ignoredFields are warnings for what the spec asks for and can do without.
func ignoredFields(spec *corev1.PodSpec, at *field.Path) []string {
	var warnings []string
	findExceptions(reflect.ValueOf(spec), at, func(e exception, at *field.Path) {
		if e.harmless {
			warnings = append(warnings, fmt.Sprintf("%s: %s", at, e.reason))
		}
	})
	return warnings
}

// findExceptions calls found for each field below v, in the order of the structs, that is set and is an exception.
func findExceptions(v reflect.Value, at *field.Path, found func(exception, *field.Path)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			findExceptions(v.Elem(), at, found)
		}
	case reflect.Slice:
		for i := range v.Len() {
			findExceptions(v.Index(i), at.Index(i), found)
		}
	case reflect.Struct:
		if !isCoreStruct(v.Type()) {
			return
		}
		for i := range v.NumField() {
			judgeField(v.Type(), i, v.Field(i), at, found)
		}
	}
}

func judgeField(owner reflect.Type, i int, value reflect.Value, at *field.Path, found func(exception, *field.Path)) {
	name := jsonName(owner.Field(i))
	if name == "" { // inline: the fields are the owner's
		findExceptions(value, at, found)
		return
	}
	if isUnset(value) {
		return
	}
	key := owner.Name() + "." + name
	e, excepted := exceptions[key]
	switch {
	case excepted && slices.Contains(e.unless, fmt.Sprint(reflect.Indirect(value))):
	case excepted:
		found(e, at.Child(name))
	case carried[key]:
		findExceptions(value, at.Child(name), found)
	default:
		found(exception{reason: "coracle does not know this field"}, at.Child(name))
	}
}

func isCoreStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == reflect.TypeFor[corev1.PodSpec]().PkgPath()
}

// isUnset treats an empty list as none; a pointer to a zero value is set.
func isUnset(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
