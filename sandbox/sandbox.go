// Package sandbox plans a cluster on one box: it chooses loopback ports, resources and
// directories, and writes the configuration directory from which the daemons start and
// clients find them. It starts nothing itself.
package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// Host is where everything of a sandbox listens.
const Host = "127.0.0.1"

// Least resources of a node that can run a job of some tasks.
const (
	minMemoryMB = 2048
	minVCores   = 8
)

// Options are the user's wishes; zero values but MemoryMB's mean a choice by Plan.
type Options struct {
	Dir       string // everything of the sandbox is under it; absolute
	Fresh     bool   // forget what an earlier sandbox left in Dir
	DefaultFS string // file:/// where empty
	MemoryMB  int64
	VCores    int64
	Docker    bool     // let containers run in Docker
	GPUs      bool     // offer the GPUs of this machine
	Mounts    []string // directories that Docker containers see, read-write, beside Dir/shared
	User      string   // who administers
}

// Box is a planned sandbox.
type Box struct {
	Dir       string
	ConfDir   string // for HADOOP_CONF_DIR
	Shared    string // directory that every container sees at the same path
	LogFile   string // of the daemons
	DefaultFS string
	MemoryMB  int64
	VCores    int64
	ports     map[string]int
}

// ports are the services and Hadoop's usual ports of them.
var ports = []struct {
	name  string
	usual int
}{
	{"client", 8032}, {"scheduler", 8030}, {"tracker", 8031}, {"admin", 8033}, {"web", 8088},
	{"nm", 8041}, {"localizer", 8040}, {"nmweb", 8042}, {"shuffle", 13562},
}

// Plan chooses what Options leave open, and writes the configuration. The caller holds the directory by Lock.
func Plan(ctx context.Context, o Options) (*Box, error) {
	if !filepath.IsAbs(o.Dir) {
		return nil, fmt.Errorf("sandbox directory %s is not an absolute path", o.Dir)
	}
	b := &Box{
		Dir: o.Dir, ConfDir: filepath.Join(o.Dir, "conf"), Shared: filepath.Join(o.Dir, "shared"), LogFile: filepath.Join(o.Dir, "logs", "sandbox.log"),
		DefaultFS: o.DefaultFS, MemoryMB: o.MemoryMB, VCores: o.VCores,
	}
	if err := b.complete(); err != nil {
		return nil, err
	}
	if o.Fresh {
		if err := b.forget(); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{b.ConfDir, b.Shared, filepath.Dir(b.LogFile), filepath.Join(b.Dir, "data"), filepath.Join(b.Dir, "staging")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("sandbox: %w; choose another place with --dir", err)
		}
	}
	var err error
	if b.ports, err = choosePorts(ctx); err != nil {
		return nil, err
	}
	return b, b.write(o)
}

func (b *Box) complete() error {
	if b.DefaultFS == "" {
		b.DefaultFS = "file:///"
	}
	u, err := url.Parse(b.DefaultFS)
	if err != nil || (u.Scheme != "file" && u.Scheme != "hdfs") || (u.Scheme == "hdfs") == (u.Host == "") {
		return fmt.Errorf("default file system %q: want hdfs://host:port or file:///", b.DefaultFS)
	}
	if b.MemoryMB < minMemoryMB {
		return fmt.Errorf("%d MB are too little for a sandbox, it needs %d MB: give --memory-mb", b.MemoryMB, minMemoryMB)
	}
	if b.VCores == 0 {
		b.VCores = max(int64(runtime.NumCPU()), minVCores) // a vcore is a share, and jobs of some tasks should fit a laptop
	}
	return nil
}

// forget removes what an earlier sandbox left.
func (b *Box) forget() error {
	for _, name := range []string{"conf", "data", "logs", "staging", "shared"} {
		if err := os.RemoveAll(filepath.Join(b.Dir, name)); err != nil {
			return fmt.Errorf("clear the sandbox %s: %w", b.Dir, err)
		}
	}
	return nil
}

// Address is host:port of a service: client, scheduler, tracker, admin, web, nm, localizer, nmweb or shuffle.
func (b *Box) Address(name string) string {
	return net.JoinHostPort(Host, strconv.Itoa(b.ports[name]))
}

// choosePorts takes the usual port of each service where it is free, else any free one.
func choosePorts(ctx context.Context) (map[string]int, error) {
	out := map[string]int{}
	var config net.ListenConfig
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close() // was only to hold the port
		}
	}()
	for _, p := range ports {
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort(Host, strconv.Itoa(p.usual)))
		if err != nil {
			if l, err = config.Listen(ctx, "tcp", net.JoinHostPort(Host, "0")); err != nil {
				return nil, fmt.Errorf("no free port for %s: %w", p.name, err)
			}
		}
		held = append(held, l)
		out[p.name] = l.Addr().(*net.TCPAddr).Port
	}
	return out, nil
}
