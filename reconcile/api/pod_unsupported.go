package api

// An exception is a field that is not carried out: refused with its reason, or, where it is harmless to go on without,
// ignored with a warning.
type exception struct {
	reason   string   // in the user's terms; follows the field's path
	unless   []string // values that ask for nothing beyond what is done anyway
	harmless bool
}

const (
	volumeReason   = "volumes of this kind can't be mounted; use emptyDir, hostPath, configMap, secret, downwardAPI or projected"
	claimReason    = "there are no persistent volume claims here; use hostPath, and a nodeSelector to stay with the data"
	ownerReason    = "files of a volume belong to root and the fsGroup; set fsGroup instead"
	windowsReason  = "containers run on Linux only"
	seLinuxReason  = "SELinux labels can't be set"
	seccompReason  = "only the engine's own profile is used: set RuntimeDefault, or leave it out"
	appArmorReason = "only the engine's own AppArmor profile is used: set RuntimeDefault, or leave it out"
	restartReason  = "a container has no restart policy of its own, so there are no sidecars among initContainers: list it under containers"
)

// exceptions are keyed by "Type.field", in the words of k8s.io/api/core/v1.
var exceptions = map[string]exception{
	"PodSpec.ephemeralContainers":          {reason: "containers can't be added to a Pod; use kubectl exec"},
	"PodSpec.hostPID":                      {reason: "a Pod can't share the machine's process ids"},
	"PodSpec.hostIPC":                      {reason: "a Pod can't share the machine's IPC"},
	"PodSpec.shareProcessNamespace":        {reason: "containers of a Pod can't see each other's processes", unless: []string{"false"}},
	"PodSpec.hostUsers":                    {reason: "a Pod can't have a user namespace of its own", unless: []string{"true"}},
	"PodSpec.dnsPolicy":                    {reason: "a Pod's DNS can't be configured: use ClusterFirst or Default", unless: []string{"ClusterFirst", "ClusterFirstWithHostNet", "Default"}},
	"PodSpec.dnsConfig":                    {reason: "a Pod's DNS can't be configured"},
	"PodSpec.subdomain":                    {reason: "there is no DNS name for a Pod yet, so this has no effect", harmless: true},
	"PodSpec.setHostnameAsFQDN":            {reason: "there is no DNS name for a Pod to be its hostname", unless: []string{"false"}},
	"PodSpec.hostnameOverride":             {reason: "use hostname"},
	"PodSpec.automountServiceAccountToken": {reason: "no token is mounted unasked; where one is needed, mount a projected volume with a serviceAccountToken", unless: []string{"false"}, harmless: true},
	"PodSpec.runtimeClassName":             {reason: "all containers run in the engine's default runtime"},
	"PodSpec.overhead":                     {reason: "there are no runtime classes whose overhead to count"},
	"PodSpec.resources":                    {reason: "a Pod has no resources as a whole; set those of each container"},
	"PodSpec.resourceClaims":               {reason: "devices can't be claimed"},
	"PodSpec.schedulingGroup":              {reason: "Pods are scheduled one by one"},
	"PodSpec.evictionResponders":           {reason: "an eviction asks nobody"},
	"PodOS.name":                           {reason: windowsReason, unless: []string{"linux"}},

	"PodSecurityContext.seLinuxOptions":           {reason: seLinuxReason},
	"PodSecurityContext.seLinuxChangePolicy":      {reason: seLinuxReason},
	"PodSecurityContext.windowsOptions":           {reason: windowsReason},
	"PodSecurityContext.sysctls":                  {reason: "kernel parameters can't be set for a Pod; set them on the machine"},
	"PodSecurityContext.supplementalGroupsPolicy": {reason: "groups of the image are always kept", unless: []string{"Merge"}},
	"SecurityContext.seLinuxOptions":              {reason: seLinuxReason},
	"SecurityContext.windowsOptions":              {reason: windowsReason},
	"SecurityContext.procMount":                   {reason: "/proc is always masked, except in privileged containers", unless: []string{"Default"}},
	"SeccompProfile.type":                         {reason: seccompReason, unless: []string{"RuntimeDefault"}},
	"SeccompProfile.localhostProfile":             {reason: seccompReason},
	"AppArmorProfile.type":                        {reason: appArmorReason, unless: []string{"RuntimeDefault"}},
	"AppArmorProfile.localhostProfile":            {reason: appArmorReason},

	"Container.restartPolicy":       {reason: restartReason},
	"Container.restartPolicyRules":  {reason: restartReason},
	"Container.volumeDevices":       {reason: "raw block devices can't be given to a container"},
	"ResourceRequirements.claims":   {reason: "devices can't be claimed"},
	"EnvVarSource.fileKeyRef":       {reason: "variables can't be read from files of a volume; use configMapKeyRef or secretKeyRef"},
	"Lifecycle.stopSignal":          {reason: "the signal that stops a container is that of its image (STOPSIGNAL)"},
	"LifecycleHandler.tcpSocket":    {reason: "a hook can't open a TCP connection; use exec, httpGet or sleep"},
	"ProbeHandler.grpc":             {reason: "there are no gRPC probes; use exec, httpGet or tcpSocket"},
	"HTTPGetAction.protocol":        {reason: "the version of HTTP can't be chosen"},
	"VolumeMount.mountPropagation":  {reason: "mounts don't propagate between a container and the machine", unless: []string{"None"}},
	"VolumeMount.recursiveReadOnly": {reason: "mounts below a mount can't be made read-only", unless: []string{"Disabled"}},
	"VolumeMount.bindMountOptions":  {reason: "options of a mount can't be set"},

	"VolumeSource.persistentVolumeClaim":  {reason: claimReason},
	"VolumeSource.ephemeral":              {reason: claimReason},
	"VolumeSource.gcePersistentDisk":      {reason: volumeReason},
	"VolumeSource.awsElasticBlockStore":   {reason: volumeReason},
	"VolumeSource.gitRepo":                {reason: volumeReason},
	"VolumeSource.nfs":                    {reason: volumeReason + "; mount the share on the machine and use hostPath"},
	"VolumeSource.iscsi":                  {reason: volumeReason},
	"VolumeSource.glusterfs":              {reason: volumeReason},
	"VolumeSource.rbd":                    {reason: volumeReason},
	"VolumeSource.flexVolume":             {reason: volumeReason},
	"VolumeSource.cinder":                 {reason: volumeReason},
	"VolumeSource.cephfs":                 {reason: volumeReason},
	"VolumeSource.flocker":                {reason: volumeReason},
	"VolumeSource.fc":                     {reason: volumeReason},
	"VolumeSource.azureFile":              {reason: volumeReason},
	"VolumeSource.vsphereVolume":          {reason: volumeReason},
	"VolumeSource.quobyte":                {reason: volumeReason},
	"VolumeSource.azureDisk":              {reason: volumeReason},
	"VolumeSource.photonPersistentDisk":   {reason: volumeReason},
	"VolumeSource.portworxVolume":         {reason: volumeReason},
	"VolumeSource.scaleIO":                {reason: volumeReason},
	"VolumeSource.storageos":              {reason: volumeReason},
	"VolumeSource.csi":                    {reason: volumeReason},
	"VolumeSource.image":                  {reason: volumeReason},
	"VolumeProjection.clusterTrustBundle": {reason: "there are no trust bundles; use a configMap"},
	"VolumeProjection.podCertificate":     {reason: "Pods are given no certificates; use a secret"},
	"EmptyDirVolumeSource.medium":         {reason: "huge pages can't be mounted: use Memory, or leave it out", unless: []string{"Memory"}},
	"EmptyDirVolumeSource.sizeLimit":      {reason: "what is written to the volume is not limited", harmless: true},
	"EmptyDirVolumeSource.mode":           {reason: "an emptyDir is writable for all; its mode can't be set"},
	"SecretVolumeSource.defaultUser":      {reason: ownerReason},
	"ConfigMapVolumeSource.defaultUser":   {reason: ownerReason},
	"DownwardAPIVolumeSource.defaultUser": {reason: ownerReason},
	"ProjectedVolumeSource.defaultUser":   {reason: ownerReason},
	"DownwardAPIVolumeFile.user":          {reason: ownerReason},
	"ServiceAccountTokenProjection.user":  {reason: ownerReason},
	"KeyToPath.user":                      {reason: ownerReason},
}
