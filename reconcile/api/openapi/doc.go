// Package openapi holds the OpenAPI definitions of every served type, generated from the comments in k8s.io/api
// and in our own group. They feed `kubectl explain`, server-side apply and client-side validation.
package openapi

//go:generate go tool openapi-gen --go-header-file header.txt --output-dir . --output-pkg coracle.dev/coracle/reconcile/api/openapi --output-file zz_generated.openapi.go --report-filename /dev/null --output-model-name-file zz_generated.model_name.go --readonly-pkg k8s.io/api --readonly-pkg k8s.io/apimachinery k8s.io/api/core/v1 k8s.io/api/apps/v1 k8s.io/api/autoscaling/v1 k8s.io/api/authentication/v1 k8s.io/api/authorization/v1 k8s.io/api/coordination/v1 k8s.io/api/discovery/v1 k8s.io/api/events/v1 k8s.io/api/policy/v1 k8s.io/api/scheduling/v1 k8s.io/apimachinery/pkg/api/resource k8s.io/apimachinery/pkg/apis/meta/v1 k8s.io/apimachinery/pkg/runtime k8s.io/apimachinery/pkg/util/intstr k8s.io/apimachinery/pkg/version coracle.dev/coracle/reconcile/api/v1alpha1
