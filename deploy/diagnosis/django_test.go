//go:build diagnosis

package diagnosis_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"squarewatch/probe/aisquaretest"
)

// django is the API's own stack as a target: Django, its REST framework, simplejwt and the OAuth toolkit behind gunicorn and nginx.
type django struct {
	noChallenge bool // a key that is refused gets 403
}

// site is one running application with a database of its own.
type site struct {
	stage  *stage
	folder string
	app    *exec.Cmd // gunicorn
	nginx  *exec.Cmd
	log    *syncBuffer
	undo   map[string]string // changes that undo what was changed
}

// template is the database that every site begins with.
type template struct {
	once   sync.Once
	folder string
	err    error
}

var prepared template

// get prepares the template once.
func (t *template) get() (string, error) {
	t.once.Do(func() {
		if t.folder, t.err = os.MkdirTemp("", "diagnosis-site"); t.err == nil {
			t.err = t.prepare()
		}
	})
	return t.folder, t.err
}

func (t *template) prepare() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	err = errors.Join(os.WriteFile(filepath.Join(t.folder, "oidc.pem"), text, 0o600), newSecret(t.folder))
	if err != nil {
		return err
	}
	cmd := python(t.folder, "/usr/bin/python3", "prepare.py")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("prepare the database of the Django site: %w\n%s", err, out)
	}
	return nil
}

// newSecret writes a new SECRET_KEY, with which tokens are signed.
func newSecret(folder string) error {
	return os.WriteFile(filepath.Join(folder, "secret"), []byte(rand.Text()+rand.Text()), 0o600)
}

// python returns a command in the application's folder.
func python(folder, name string, arguments ...string) *exec.Cmd {
	cmd := exec.Command(name, arguments...)
	cmd.Dir = "django"
	cmd.Env = []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONDONTWRITEBYTECODE=1", "SITE=" + folder, "PASSWORD=" + password,
		"OWNER_KEY=" + aisquaretest.DefaultKey, "OTHER_KEY=" + partnerKey,
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// startDjango starts the application and the gateway before it.
func (s *stage) startDjango() error {
	from, err := prepared.get()
	if err != nil {
		return err
	}
	s.django = &site{stage: s, folder: filepath.Join(s.folder, "site"), log: &syncBuffer{}, undo: map[string]string{}}
	if err := os.CopyFS(s.django.folder, os.DirFS(from)); err != nil {
		return err
	}
	s.closers = append(s.closers, s.django.close)
	if err := errors.Join(s.django.startApp(), s.django.startNginx()); err != nil {
		return fmt.Errorf("%w\n%s", err, s.django.log)
	}
	return nil
}

// startApp starts gunicorn and waits until the application answers.
func (d *site) startApp() error {
	d.app = python(d.folder, "/usr/bin/gunicorn", "--bind", d.stage.at(8001), "--workers", "1", "--threads", "8", "--graceful-timeout", "2",
		"wsgi:application")
	if d.stage.setup.login && !d.stage.setup.long {
		d.app.Env = append(d.app.Env, fmt.Sprintf("ACCESS_SECONDS=%v", tokenLifetime.Seconds()))
	}
	if d.stage.setup.django.noChallenge {
		d.app.Env = append(d.app.Env, "NO_CHALLENGE=1")
	}
	d.app.Stdout, d.app.Stderr = d.log, d.log
	if err := d.app.Start(); err != nil {
		return err
	}
	return d.answers(d.stage.at(8001))
}

// answers waits until the discovery document is served.
func (d *site) answers(address string) error {
	client := http.Client{Timeout: time.Second}
	err := errors.New("it does not answer")
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); {
		var resp *http.Response
		if resp, err = client.Get("http://" + address + reachPath); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		<-time.After(100 * time.Millisecond)
	}
	return fmt.Errorf("the site at %s: %w", address, err)
}

// change changes accounts and keys, and remembers how to undo it.
func (d *site) change(what, name string) error {
	for change, undo := range map[string]string{
		"disable": "enable", "revoke": "restore", "delete": "create", "change-password": "reset-password", "demote": "promote",
	} {
		if change == what {
			d.undo[undo] = name
		}
	}
	return d.post(map[string]string{what: name})
}

func (d *site) post(changes map[string]string) error {
	body, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Post("http://"+d.stage.at(8001)+"/-/change/", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		return fmt.Errorf("change %s: status %d %s\n%s", body, resp.StatusCode, text, d.log)
	}
	return nil
}

// switchOn sets a switch of the application to a value.
func (d *site) switchOn(name, value string) error {
	return os.WriteFile(filepath.Join(d.folder, "switch-"+name), []byte(value), 0o600)
}

// signal signals gunicorn and its workers.
func (d *site) signal(signal syscall.Signal) error { return syscall.Kill(-d.app.Process.Pid, signal) }

// heal undoes every change.
func (d *site) heal() error {
	files, err := filepath.Glob(filepath.Join(d.folder, "switch-*"))
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	if gone := filepath.Join(d.folder, "gone"); exists(gone) {
		err = errors.Join(err, os.Rename(gone, filepath.Join(d.folder, "db.sqlite3")))
	}
	if d.app == nil {
		err = errors.Join(err, d.startApp())
	}
	err = errors.Join(err, d.signal(syscall.SIGCONT))
	if len(d.undo) > 0 {
		err = errors.Join(err, d.post(d.undo))
	}
	if d.nginx == nil {
		return errors.Join(err, d.startNginx())
	}
	return errors.Join(err, d.gateway(""))
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// stopApp kills gunicorn and its workers.
func (d *site) stopApp() {
	if d.app != nil {
		_ = d.signal(syscall.SIGKILL)
		_ = d.app.Wait() // it was killed
		d.app = nil
	}
}

// stopNginx kills nginx and its workers.
func (d *site) stopNginx() {
	if d.nginx != nil {
		_ = syscall.Kill(-d.nginx.Process.Pid, syscall.SIGKILL)
		_ = d.nginx.Wait() // it was killed
		d.nginx = nil
	}
}

func (d *site) close() {
	d.stopNginx()
	d.stopApp()
}

// startNginx starts the gateway and waits until it leads to the application.
func (d *site) startNginx() error {
	if err := d.configure(""); err != nil {
		return err
	}
	d.nginx = exec.Command("/usr/sbin/nginx", "-p", d.folder, "-c", "nginx.conf")
	d.nginx.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	d.nginx.Stdout, d.nginx.Stderr = d.log, d.log
	if err := d.nginx.Start(); err != nil {
		return err
	}
	return d.answers(d.stage.at(8080))
}

// configure writes nginx's configuration. before stands in the location of the application.
func (d *site) configure(before string) error {
	config := fmt.Sprintf(`user root;
worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	proxy_connect_timeout 2s;
	proxy_read_timeout 2s;
	limit_req_zone $server_port zone=one:1m rate=1r/m;
	server {
		listen %s;
		location /-/ { return 404; }
		location / {
			proxy_set_header Host $http_host;
			%s
			proxy_pass http://%s;
		}
	}
}
`, d.stage.at(8080), before, d.stage.at(8001))
	return os.WriteFile(filepath.Join(d.folder, "nginx.conf"), []byte(config), 0o600)
}

// gateway gives nginx another configuration.
func (d *site) gateway(before string) error {
	return errors.Join(d.configure(before), d.nginx.Process.Signal(syscall.SIGHUP))
}
