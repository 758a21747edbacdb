package main

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// parseTaints reads taints as kubectl writes them: key=value:Effect, or key:Effect.
func parseTaints(texts []string) ([]corev1.Taint, error) {
	var taints []corev1.Taint
	for _, text := range texts {
		taint, err := parseTaint(text)
		if err != nil {
			return nil, err
		}
		for _, other := range taints {
			if other.MatchTaint(&taint) {
				return nil, fmt.Errorf("taint %q: there is one of that key and effect already", text)
			}
		}
		taints = append(taints, taint)
	}
	return taints, nil
}

func parseTaint(text string) (corev1.Taint, error) {
	pair, effect, _ := strings.Cut(text, ":")
	key, value, _ := strings.Cut(pair, "=")
	taint := corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)}
	problems := validation.IsQualifiedName(key)
	problems = append(problems, validation.IsValidLabelValue(value)...)
	if len(problems) > 0 {
		return taint, fmt.Errorf("taint %q: %s", text, problems[0])
	}
	switch taint.Effect {
	case corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
		return taint, nil
	}
	return taint, fmt.Errorf("taint %q: it is key=value:Effect, with an effect of NoSchedule, PreferNoSchedule or NoExecute", text)
}
