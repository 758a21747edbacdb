package images

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// recipe is all that decides what an image holds, but for the versions of the packages.
type recipe struct {
	Tag      string
	Packages []string
	Programs []string          // of the packages, with the libraries that they ask for
	Copies   []string          // further files of the packages
	Files    map[string]string // further files, by path
	Links    map[string]string // symbolic links: path to target
	Folders  []string
	Changes  []string // as `docker import --change` takes them
}

// shell has what people type in a container. It is one static program under many names.
var shell = []string{"sh", "cat", "echo", "env", "grep", "hostname", "id", "kill", "ls", "ps", "sed", "sleep", "tail", "true", "vi", "wget"}

const (
	passwd = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
	group  = "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n"

	nginxConf = `user www-data;
worker_processes 1;
error_log /dev/stderr notice;
pid /run/nginx.pid;
events { worker_connections 256; }
http {
    include /etc/nginx/mime.types;
    access_log /dev/stdout;
    server {
        listen 80;
        root /usr/share/nginx/html;
    }
}
`
	nginxPage = "<!DOCTYPE html>\n<title>Welcome to nginx!</title>\n<h1>Welcome to nginx!</h1>\n<p>nginx %s</p>\n"
)

// recipes are those of all images. The versions in the variables are those of the tags: what people look at in the
// walkthroughs to tell one from the other.
func recipes() []recipe {
	return []recipe{nginx("1.12", "1.12.2"), nginx("1.13", "1.13.12"), {
		Tag:      "redis:3.2",
		Packages: []string{"redis-server", "redis-tools", "busybox-static"},
		Programs: []string{"usr/bin/redis-check-rdb", "usr/bin/redis-cli", "bin/busybox"},
		Files:    map[string]string{"etc/passwd": passwd, "etc/group": group},
		Links:    with(applets(), "usr/bin/redis-server", "redis-check-rdb"), // as the package has it: the name decides
		Folders:  []string{"data", "tmp"},
		Changes: []string{"ENV PATH=/usr/bin:/bin", "ENV REDIS_VERSION=3.2.11", "WORKDIR /data", "EXPOSE 6379",
			// Saved nowhere, and open to other Pods, as the image of that name is.
			`CMD ["redis-server", "--protected-mode", "no", "--save", ""]`},
	}}
}

func nginx(tag, version string) recipe {
	return recipe{
		Tag:      "nginx:" + tag,
		Packages: []string{"nginx", "nginx-common", "busybox-static"},
		Programs: []string{"usr/sbin/nginx", "bin/busybox"},
		Copies:   []string{"etc/nginx/mime.types"},
		Files: map[string]string{"etc/passwd": passwd, "etc/group": group, "etc/nginx/nginx.conf": nginxConf,
			"usr/share/nginx/html/index.html": fmt.Sprintf(nginxPage, version)},
		Links:   applets(),
		Folders: []string{"run", "tmp", "var/lib/nginx", "var/log/nginx"},
		Changes: []string{"ENV PATH=/usr/sbin:/bin", "ENV NGINX_VERSION=" + version, "EXPOSE 80",
			`CMD ["nginx", "-g", "daemon off;"]`},
	}
}

func applets() map[string]string {
	links := map[string]string{}
	for _, applet := range shell {
		links["bin/"+applet] = "busybox"
	}
	return links
}

func with(links map[string]string, path, target string) map[string]string {
	links[path] = target
	return links
}

// digest tells recipes apart.
func (r recipe) digest() (string, error) {
	text, err := json.Marshal(r) // maps in the order of their keys
	if err != nil {
		return "", fmt.Errorf("encode recipe of %s: %w", r.Tag, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
