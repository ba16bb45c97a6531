//go:build interop

package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Engine is a Docker engine of a test's own, which may be treated badly; its containers have the host's network only.
type Engine struct {
	Host string // for DOCKER_HOST
	dir  string
	p    *process
}

// EngineImage is in every Engine: the host's own bash and a few programs.
const EngineImage = "heddle/own"

// StartEngine starts one under dir; that needs root and Docker's programs (test/setup/docker.sh start).
func StartEngine(ctx context.Context, dir string) (*Engine, error) {
	e := &Engine{Host: "unix://" + filepath.Join(dir, "docker.sock"), dir: dir}
	var err error
	e.p, err = start("Docker engine", filepath.Join(dir, "log"), nil, "dockerd", "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "-H", e.Host, "--bridge=none", "--iptables=false", "--ip6tables=false")
	if err != nil {
		return nil, err
	}
	err = e.p.await(ctx, time.Minute, "answer", func() error {
		_, err := e.Docker(ctx, nil, "version")
		return err
	})
	if err == nil {
		err = e.load(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

// load makes EngineImage.
func (e *Engine) load(ctx context.Context) error {
	files := map[string]string{} // in the image: on the host
	for _, name := range []string{"bash", "cat", "chmod", "cp", "find", "ln", "ls", "mkdir", "sleep"} {
		path, err := exec.LookPath(name)
		if err != nil {
			return err
		}
		files["bin/"+name] = path
		out, err := exec.CommandContext(ctx, "ldd", path).Output()
		if err != nil {
			return fmt.Errorf("libraries of %s: %w", path, err)
		}
		for _, word := range strings.Fields(string(out)) {
			if strings.HasPrefix(word, "/") {
				files[strings.TrimPrefix(word, "/")] = word
			}
		}
	}
	var image bytes.Buffer
	w := tar.NewWriter(&image)
	for name, path := range files {
		b, err := os.ReadFile(path)
		if err == nil {
			err = w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(b)), Typeflag: tar.TypeReg})
		}
		if err == nil {
			_, err = w.Write(b)
		}
		if err != nil {
			return fmt.Errorf("the image's %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err := e.Docker(ctx, &image, "import", "-", EngineImage)
	return err
}

// Docker runs the engine's client.
func (e *Engine) Docker(ctx context.Context, in *bytes.Buffer, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", append([]string{"-H", e.Host}, args...)...)
	if in != nil {
		cmd.Stdin = in
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Pause makes the engine hang; its containers run on.
func (e *Engine) Pause() error { return e.p.cmd.Process.Signal(syscall.SIGSTOP) }

// Continue wakes it.
func (e *Engine) Continue() error { return e.p.cmd.Process.Signal(syscall.SIGCONT) }

// Stop ends the engine and what it mounted.
func (e *Engine) Stop() error {
	err := e.Continue()
	e.p.stop()
	if unmountErr := syscall.Unmount(filepath.Join(e.dir, "exec/netns/default"), 0); unmountErr != nil && !errors.Is(unmountErr, fs.ErrNotExist) && !errors.Is(unmountErr, syscall.EINVAL) {
		err = errors.Join(err, fmt.Errorf("the engine's network namespace: %w", unmountErr))
	}
	return err
}
