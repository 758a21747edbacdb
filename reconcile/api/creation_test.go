package api

import (
	"testing"

	"sigs.k8s.io/yaml"
)

// What is stored of a manifest: with defaults, and without what a client may not set.
func TestWhatCreationMakesOfManifests(t *testing.T) {
	for name, test := range map[string]struct {
		kind           Kind
		manifest, want string
	}{
		"namespace whose name was generated": {namespace.Erase(),
			`{metadata: {name: shop-x7, generateName: shop-, labels: {a: b}}, status: {phase: Terminating}}`,
			`{metadata: {name: shop-x7, generateName: shop-, labels: {a: b, kubernetes.io/metadata.name: shop-x7}}, spec: {finalizers: [kubernetes]}, status: {phase: Active}}`,
		},
		"namespace with finalizers": {namespace.Erase(),
			`{metadata: {name: shop}, spec: {finalizers: [example.com/a, kubernetes]}}`,
			`{metadata: {name: shop, labels: {kubernetes.io/metadata.name: shop}}, spec: {finalizers: [example.com/a, kubernetes]}, status: {phase: Active}}`,
		},
		"node registers with its status": {node.Erase(),
			`{metadata: {name: n1}, status: {capacity: {cpu: "2"}}}`,
			`{metadata: {name: n1}, status: {capacity: {cpu: "2"}, allocatable: {cpu: "2"}}}`,
		},
		"secret with text": {secret.Erase(),
			`{metadata: {name: s}, data: {a: QQ==, b: Qg==}, stringData: {b: X, c: Z}}`,
			`{metadata: {name: s}, type: Opaque, data: {a: QQ==, b: WA==, c: Wg==}}`,
		},
		"service account": {serviceAccount.Erase(),
			`{metadata: {name: a}, secrets: [{name: s, namespace: other, uid: u}]}`,
			`{metadata: {name: a}, secrets: [{name: s}]}`,
		},
		"service of a client that knows one cluster IP": {service.Erase(),
			`{metadata: {name: s}, spec: {clusterIP: None, type: ClusterIP}, status: {loadBalancer: {ingress: [{ip: 10.0.0.1}]}}}`,
			`{metadata: {name: s}, spec: {clusterIP: None, clusterIPs: [None], type: ClusterIP, sessionAffinity: None, internalTrafficPolicy: Cluster, ipFamilies: [IPv4], ipFamilyPolicy: SingleStack}}`,
		},
		"endpoints": {endpoints.Erase(),
			`{metadata: {name: e}, subsets: [{ports: [{port: 80}]}]}`,
			`{metadata: {name: e}, subsets: [{ports: [{port: 80, protocol: TCP}]}]}`,
		},
		"endpoint slice": {endpointSlice.Erase(),
			`{metadata: {name: e}, addressType: IPv4, endpoints: [], ports: [{port: 80}]}`,
			`{metadata: {name: e, generation: 1}, addressType: IPv4, endpoints: [], ports: [{name: "", port: 80, protocol: TCP}]}`,
		},
		"quota": {resourceQuota.Erase(),
			`{metadata: {name: q}, spec: {hard: {pods: "1"}}, status: {used: {pods: "1"}}}`,
			`{metadata: {name: q}, spec: {hard: {pods: "1"}}}`,
		},
		"limits of containers": {limitRange.Erase(),
			`{metadata: {name: l}, spec: {limits: [{type: Container, max: {cpu: "4", memory: 4Gi}, min: {cpu: "1", storage: 1Gi}, default: {cpu: "3"}}]}}`,
			`{metadata: {name: l}, spec: {limits: [{type: Container, max: {cpu: "4", memory: 4Gi}, min: {cpu: "1", storage: 1Gi}, default: {cpu: "3", memory: 4Gi}, defaultRequest: {cpu: "3", memory: 4Gi, storage: 1Gi}}]}}`,
		},
		"limits of Pods": {limitRange.Erase(),
			`{metadata: {name: l}, spec: {limits: [{type: Pod, max: {cpu: "4"}}]}}`,
			`{metadata: {name: l}, spec: {limits: [{type: Pod, max: {cpu: "4"}}]}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := test.kind.New(), test.kind.New()
			if err := yaml.UnmarshalStrict([]byte(test.manifest), got); err != nil {
				t.Fatal(err)
			}
			if err := yaml.UnmarshalStrict([]byte(test.want), want); err != nil {
				t.Fatal(err)
			}
			create(test.kind, got)
			same(t, "what is stored", want, got)
		})
	}
}

func TestGenerationsCountChanges(t *testing.T) {
	for name, test := range map[string]struct {
		kind        Kind
		old, update string
		want        int64
	}{
		"slice, other endpoints":   {endpointSlice.Erase(), `{metadata: {generation: 3}}`, `{endpoints: [{addresses: [10.0.0.1]}]}`, 4},
		"slice, other labels":      {endpointSlice.Erase(), `{metadata: {generation: 3}}`, `{metadata: {labels: {a: b}}}`, 4},
		"slice, other annotations": {endpointSlice.Erase(), `{metadata: {generation: 3}}`, `{metadata: {annotations: {a: b}}}`, 3},
		"template, other image":    {podTemplate.Erase(), `{metadata: {generation: 3}}`, `{template: {spec: {containers: [{name: a}]}}}`, 4},
		"template, other labels":   {podTemplate.Erase(), `{metadata: {generation: 3}}`, `{metadata: {labels: {a: b}}}`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			old, updated := test.kind.New(), test.kind.New()
			if err := yaml.Unmarshal([]byte(test.old), old); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte(test.update), updated); err != nil {
				t.Fatal(err)
			}
			test.kind.PrepareForUpdate(updated, old)
			if got := generation(t, updated); got != test.want {
				t.Errorf("generation %d, want %d", got, test.want)
			}
		})
	}
}

func TestPhaseOfANamespaceFollowsItsDeletion(t *testing.T) {
	for _, test := range []struct {
		manifest string
		allowed  bool
	}{
		{`{status: {phase: Active}}`, true},
		{`{status: {phase: Terminating}}`, false},
		{`{metadata: {deletionTimestamp: "2026-01-02T03:04:05Z"}, status: {phase: Terminating}}`, true},
		{`{metadata: {deletionTimestamp: "2026-01-02T03:04:05Z"}, status: {phase: Active}}`, false},
	} {
		n := namespace.New()
		if err := yaml.UnmarshalStrict([]byte(test.manifest), n); err != nil {
			t.Fatal(err)
		}
		if errs := validateNamespaceStatusUpdate(n, n); (len(errs) == 0) != test.allowed {
			t.Errorf("%s: %v", test.manifest, errs)
		}
	}
}
