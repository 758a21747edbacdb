package apiserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/filters"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"coracle.dev/coracle/reconcile/api"
	"coracle.dev/coracle/reconcile/api/openapi"
	"coracle.dev/coracle/reconcile/apiserver/nodeaccess"
	usage "coracle.dev/coracle/reconcile/metrics"
)

// shutdownTimeout is how long requests under way may go on after the end of Run's context.
const shutdownTimeout = 2 * time.Second

// DefaultServiceSubnet is where Services have their addresses.
var DefaultServiceSubnet = netip.MustParsePrefix("10.96.0.0/16")

// Options of a Server.
type Options struct {
	// DataDir holds the certificates, the kubeconfig and, without EtcdServers, the data of the embedded etcd.
	DataDir string
	// EtcdServers are the client URLs of an outside etcd; empty means the embedded one.
	EtcdServers []string
	// Listener is where the API is served. The server closes it.
	Listener net.Listener
	// Names are further DNS names and addresses of this server, for its certificate.
	Names []string
	// ServiceSubnet is where cluster IPs come from. The zero value is DefaultServiceSubnet.
	ServiceSubnet netip.Prefix
	// PodSubnet is what each Node gets a /24 of. The zero value gives none.
	PodSubnet netip.Prefix
	// Nodes opens connections to nodes, for logs, exec, attach and port-forward.
	Nodes NodeDialer
	// LossSeconds are for how long Pods stay on a lost node; nil is upstream's default.
	LossSeconds *LossSeconds
	// MetricsResolution is how often nodes are asked for figures while anybody wants them; 0 is 15 s.
	MetricsResolution time.Duration
	// Tunnels are what nodes of other machines open; nil allows none. Run closes them.
	Tunnels *Tunnels
}

// Server is the API server.
type Server struct {
	options      Options
	etcd         *embeddedEtcd // nil with an outside one
	disk         *diskRoom     // of the embedded etcd
	pki          *pki
	registries   *registries
	nodePods     *nodeaccess.Pods // what nodes may read
	access       *access
	generic      *genericserver.GenericAPIServer
	client       *client
	stop         chan struct{} // closed at the end, for what admission runs
	loopback     *rest.Config
	informers    informers.SharedInformerFactory
	scraper      *usage.Scraper
	bootstrapped atomic.Bool
}

// New puts a server together: the store is up and read, nothing is served yet. Close or Run ends it.
func New(ctx context.Context, options Options) (*Server, error) {
	if !options.ServiceSubnet.IsValid() {
		options.ServiceSubnet = DefaultServiceSubnet
	}
	s := &Server{options: options}
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) open(ctx context.Context) error {
	var err error
	if s.pki, err = openPKI(filepath.Join(s.options.DataDir, "pki"), time.Now()); err != nil {
		return err
	}
	servers := s.options.EtcdServers
	if len(servers) == 0 {
		if s.etcd, err = startEtcd(ctx, filepath.Join(s.options.DataDir, "etcd")); err != nil {
			return err
		}
		servers = []string{s.etcd.endpoint}
	}
	storage := newStorageOptions(servers, api.Kinds())
	if s.registries, err = openRegistries(storage, s.options.ServiceSubnet, s.options.PodSubnet); err != nil {
		return err
	}
	if err := s.registries.load(ctx); err != nil {
		return err
	}
	if err := s.connectClients(); err != nil {
		return err
	}
	if s.nodePods, err = nodeaccess.NewPods(s.client, s.informers); err != nil {
		return err
	}
	if s.access, err = s.openAccess(); err != nil {
		return err
	}
	if s.etcd != nil {
		s.disk = newDiskRoom(s.options.DataDir)
	}
	s.stop = make(chan struct{})
	admission, err := s.newAdmission()
	if err != nil {
		return err
	}
	s.client.admit = admission
	return s.build(storage, admission)
}

// connectClients makes the in-process clients. They work once the server is built.
func (s *Server) connectClients() error {
	token := make([]byte, 32)
	if _, err := rand.Read(token); err != nil {
		return fmt.Errorf("draw the token of in-process clients: %w", err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.generic.Handler.ServeHTTP(w, r) })
	s.loopback = &rest.Config{Host: "https://coracle.local", BearerToken: hex.EncodeToString(token), Transport: inProcess{handler}, QPS: -1, WarningHandler: rest.NoWarnings{}}
	typed := rest.CopyConfig(s.loopback)
	typed.ContentType, typed.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	remote, err := kubernetes.NewForConfig(typed)
	if err != nil {
		return fmt.Errorf("make the in-process client: %w", err)
	}
	s.client = &client{Interface: remote, registries: s.registries, caller: &user.DefaultInfo{
		Name: user.APIServerUser, Groups: []string{user.SystemPrivilegedGroup, user.AllAuthenticated},
	}}
	s.informers = informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithTransform(dropManagedFields))
	return nil
}

// dropManagedFields saves a third of an informer's memory; no controller reads them.
func dropManagedFields(obj any) (any, error) {
	if accessor, err := meta.Accessor(obj); err == nil {
		accessor.SetManagedFields(nil)
	}
	return obj, nil
}

func (s *Server) build(storage *storageOptions, admission admission.Interface) error {
	config := genericserver.NewConfig(api.Codecs)
	if err := s.secure(config); err != nil {
		return err
	}
	config.LoopbackClientConfig = s.loopback
	config.AdmissionControl = admission
	config.RESTOptionsGetter = storage
	config.EffectiveVersion = newEffectiveVersion()
	config.LongRunningFunc = filters.BasicLongRunningRequestCheck(sets.NewString("watch"), sets.NewString("attach", "exec", "log", "portforward"))
	if s.options.Tunnels != nil {
		lastLong(config)
	}
	// A watch may be open at the end: it is told to stop, not waited for.
	config.ShutdownWatchTerminationGracePeriod = time.Second
	namer := openapinamer.NewDefinitionNamer(api.Scheme)
	config.OpenAPIConfig = genericserver.DefaultOpenAPIConfig(openapi.GetOpenAPIDefinitions, namer)
	config.OpenAPIV3Config = genericserver.DefaultOpenAPIV3Config(openapi.GetOpenAPIDefinitions, namer)
	config.OpenAPIConfig.Info.Title, config.OpenAPIV3Config.Info.Title = "coracle", "coracle"
	config.AddReadyzChecks(healthz.NamedCheck("bootstrap", func(*http.Request) error {
		if !s.bootstrapped.Load() {
			return fmt.Errorf("the first objects are not there yet")
		}
		return nil
	}))
	if s.disk != nil {
		config.AddReadyzChecks(healthz.NamedCheck("disk", s.disk.check))
	}

	generic, err := config.Complete(s.informers).New("coracle", genericserver.NewEmptyDelegate())
	if err != nil {
		return fmt.Errorf("build the API server: %w", err)
	}
	generic.ShutdownTimeout = shutdownTimeout
	s.generic = generic
	if s.options.Tunnels != nil {
		generic.Handler.NonGoRestfulMux.Handle(TunnelPath, s.options.Tunnels)
	}
	if err := serveIssuer(generic, s.access.tokens.Issuer); err != nil {
		return err
	}
	return installGroups(generic, append(s.registries.groups(nodes{s.options.Nodes}, s.access, config), s.metricsGroup()...))
}

// apiAddress is the cluster IP of the Service kubernetes: the first of the subnet.
func (s *Server) apiAddress() netip.Addr { return s.options.ServiceSubnet.Masked().Addr().Next() }

// KubeconfigPath is where the administrator's kubeconfig is.
func (s *Server) KubeconfigPath() string { return filepath.Join(s.options.DataDir, "kubeconfig") }

// CA is the certificate of the server's authority, PEM encoded.
func (s *Server) CA() []byte { return s.pki.ca.certificate }

// Client is an in-process client with all rights. It is usable once Run has begun to serve, see Ready.
func (s *Server) Client() kubernetes.Interface { return s.client }

// RESTConfig is for clients of any other kind: in-process too, through the HTTP chain.
func (s *Server) RESTConfig() *rest.Config { return rest.CopyConfig(s.loopback) }

// Informers are shared by all in this process. Run starts those that were asked for before it; who asks for more later
// starts them.
func (s *Server) Informers() informers.SharedInformerFactory { return s.informers }

// Ready reports whether the API is served and its first objects are there.
func (s *Server) Ready() bool { return s.bootstrapped.Load() }

// Run serves until ctx ends, and then stops within seconds.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	if s.options.Tunnels != nil {
		defer s.options.Tunnels.Close()
	}
	prepared := s.generic.PrepareRun()
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if err := s.bootstrap(ctx); err != nil && ctx.Err() == nil {
			failed <- err
			cancel()
		}
	}()
	go s.scraper.Run(ctx)
	if err := prepared.RunWithContext(ctx); err != nil {
		return fmt.Errorf("serve the API: %w", err)
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// Close ends the store. It may be called more than once.
func (s *Server) Close() {
	if s.stop != nil {
		close(s.stop)
		s.stop = nil
	}
	if s.generic != nil {
		s.generic.Destroy()
	} else if s.registries != nil {
		s.registries.destroy()
	}
	if s.etcd != nil {
		s.etcd.stop()
		s.etcd = nil
	}
}
