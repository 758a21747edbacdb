package apiserver

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// writeKubeconfig writes the file with which kubectl reaches the server as its administrator (mode 0600).
func writeKubeconfig(path, server string, ca []byte, admin keyPair) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["coracle"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{ClientCertificateData: admin.certificate, ClientKeyData: admin.key}
	config.Contexts["coracle"] = &clientcmdapi.Context{Cluster: "coracle", AuthInfo: "admin"}
	config.CurrentContext = "coracle"
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode kubeconfig: %w", err)
	}
	return writeFile(path, data, 0o600)
}
