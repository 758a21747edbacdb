package api

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateProbes judges the three probes. One success is enough to be alive, or to have started; only a readiness
// probe does not kill, so it has no grace period of its own.
func validateProbes(c *corev1.Container, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, p := range []struct {
		name  string
		probe *corev1.Probe
		kills bool
	}{{"livenessProbe", c.LivenessProbe, true}, {"readinessProbe", c.ReadinessProbe, false}, {"startupProbe", c.StartupProbe, true}} {
		if p.probe == nil {
			continue
		}
		here := at.Child(p.name)
		errs = append(errs, validateProbe(p.probe, here)...)
		if p.kills && p.probe.SuccessThreshold != 1 {
			errs = append(errs, field.Invalid(here.Child("successThreshold"), p.probe.SuccessThreshold, "must be 1"))
		}
		grace := p.probe.TerminationGracePeriodSeconds
		switch {
		case grace == nil:
		case !p.kills:
			errs = append(errs, field.Invalid(here.Child("terminationGracePeriodSeconds"), *grace, "must not be set for readinessProbes"))
		case *grace <= 0:
			errs = append(errs, field.Invalid(here.Child("terminationGracePeriodSeconds"), *grace, "must be greater than 0"))
		}
	}
	return errs
}

func validateProbe(probe *corev1.Probe, at *field.Path) field.ErrorList {
	errs := validateHandler(handler{
		exec: probe.Exec, httpGet: probe.HTTPGet, tcpSocket: probe.TCPSocket, other: probe.GRPC != nil,
	}, at)
	for _, number := range []struct {
		name  string
		value int32
	}{
		{"initialDelaySeconds", probe.InitialDelaySeconds}, {"timeoutSeconds", probe.TimeoutSeconds},
		{"periodSeconds", probe.PeriodSeconds}, {"successThreshold", probe.SuccessThreshold},
		{"failureThreshold", probe.FailureThreshold},
	} {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(number.value), at.Child(number.name))...)
	}
	return errs
}

// validateLifecycle judges both hooks. A hook that sleeps must end within the Pod's grace period, in seconds.
func validateLifecycle(lifecycle *corev1.Lifecycle, grace int64, at *field.Path) field.ErrorList {
	if lifecycle == nil {
		return nil
	}
	var errs field.ErrorList
	for _, hook := range []struct {
		name    string
		handler *corev1.LifecycleHandler
	}{{"postStart", lifecycle.PostStart}, {"preStop", lifecycle.PreStop}} {
		h, here := hook.handler, at.Child(hook.name)
		if h == nil {
			continue
		}
		errs = append(errs, validateHandler(handler{
			exec: h.Exec, httpGet: h.HTTPGet, tcpSocket: h.TCPSocket, other: h.Sleep != nil,
		}, here)...)
		if h.Sleep != nil && (h.Sleep.Seconds < 0 || h.Sleep.Seconds > grace) {
			errs = append(errs, field.Invalid(here.Child("sleep", "seconds"), h.Sleep.Seconds,
				fmt.Sprintf("must be non-negative and less than terminationGracePeriodSeconds (%d)", grace)))
		}
	}
	return errs
}

// handler is what probes and hooks can do; other is what only one of them can.
type handler struct {
	exec      *corev1.ExecAction
	httpGet   *corev1.HTTPGetAction
	tcpSocket *corev1.TCPSocketAction
	other     bool
}

func validateHandler(h handler, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	handlers := 0
	if h.other {
		handlers++
	}
	add := func(name string, more func(at *field.Path) field.ErrorList) {
		handlers++
		if handlers > 1 {
			errs = append(errs, field.Forbidden(at.Child(name), "may not specify more than 1 handler type"))
			return
		}
		errs = append(errs, more(at.Child(name))...)
	}
	if h.exec != nil {
		add("exec", func(at *field.Path) field.ErrorList { return validateExec(h.exec, at) })
	}
	if h.httpGet != nil {
		add("httpGet", func(at *field.Path) field.ErrorList { return validateHTTPGet(h.httpGet, at) })
	}
	if h.tcpSocket != nil {
		add("tcpSocket", func(at *field.Path) field.ErrorList { return portNumberOrName(h.tcpSocket.Port, at.Child("port")) })
	}
	if handlers == 0 {
		errs = append(errs, field.Required(at, "must specify a handler type"))
	}
	return errs
}

func validateExec(exec *corev1.ExecAction, at *field.Path) field.ErrorList {
	if len(exec.Command) == 0 {
		return field.ErrorList{field.Required(at.Child("command"), "")}
	}
	return nil
}

func validateHTTPGet(get *corev1.HTTPGetAction, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if get.Path == "" {
		errs = append(errs, field.Required(at.Child("path"), ""))
	}
	errs = append(errs, portNumberOrName(get.Port, at.Child("port"))...)
	errs = append(errs, oneOf(get.Scheme, at.Child("scheme"), corev1.URISchemeHTTP, corev1.URISchemeHTTPS)...)
	for i, header := range get.HTTPHeaders {
		errs = append(errs, invalid(at.Child("httpHeaders").Index(i).Child("name"), header.Name, validation.IsHTTPHeaderName(header.Name))...)
	}
	return errs
}

func portNumberOrName(port intstr.IntOrString, at *field.Path) field.ErrorList {
	if port.Type == intstr.Int {
		return portNumber(port.IntVal, at)
	}
	return invalid(at, port.StrVal, validation.IsValidPortName(port.StrVal))
}
