// Command bench measures the daemons themselves: how long each takes from exec until it serves, and what
// each holds in memory when idle with one node; and how soon a killed ResourceManager has 1,000 nodes back. It prints one line a figure and ends what it started.
//
//	bench HEDDLE        the binary to measure
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"heddle/hadoop/conf"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	runs     = 5               // starts of each daemon
	settle   = 3 * time.Second // idle before memory is read
	patience = 30 * time.Second
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) != 2 {
		return errors.New("usage: bench HEDDLE")
	}
	var rmReady, nmReady []time.Duration
	var rmHeld, nmHeld []int64
	for range runs {
		m, err := once(ctx, os.Args[1])
		if err != nil {
			return err
		}
		rmReady, nmReady = append(rmReady, m.rmReady), append(nmReady, m.nmReady)
		rmHeld, nmHeld = append(rmHeld, m.rmHeld), append(nmHeld, m.nmHeld)
	}
	say := func(what string, ready []time.Duration, held []int64) {
		slices.Sort(ready)
		slices.Sort(held)
		fmt.Printf("%-16s ready %4d ms from exec (median of %d, worst %d), idle with one node %3d MB resident\n", what,
			ready[runs/2].Milliseconds(), runs, ready[runs-1].Milliseconds(), held[runs/2]>>10)
	}
	say("resourcemanager", rmReady, rmHeld)
	say("nodemanager", nmReady, nmHeld)
	return restart(ctx, os.Args[1])
}

type measured struct {
	rmReady, nmReady time.Duration
	rmHeld, nmHeld   int64 // kB
}

// once starts a ResourceManager and a NodeManager in a folder of their own.
func once(ctx context.Context, binary string) (m measured, err error) {
	dir, err := os.MkdirTemp("", "heddle-bench-")
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	at, err := configure(dir)
	if err != nil {
		return m, err
	}
	rm, err := begin(ctx, dir, binary, "resourcemanager")
	if err != nil {
		return m, err
	}
	defer rm.end()
	if m.rmReady, err = rm.until(func() bool { return get(at.web+"/ws/v1/cluster/info", nil) }); err != nil {
		return m, err
	}
	nm, err := begin(ctx, dir, binary, "nodemanager")
	if err != nil {
		return m, err
	}
	defer nm.end()
	m.nmReady, err = nm.until(func() bool {
		var v struct {
			Nodes struct{ Node []struct{ State string } }
		}
		return get(at.web+"/ws/v1/cluster/nodes", &v) && len(v.Nodes.Node) == 1 && v.Nodes.Node[0].State == "RUNNING"
	})
	if err != nil {
		return m, err
	}
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return m, ctx.Err()
	}
	var errs [2]error
	m.rmHeld, errs[0] = rm.resident()
	m.nmHeld, errs[1] = nm.resident()
	return m, errors.Join(errs[:]...)
}

// addresses are where a ResourceManager is found.
type addresses struct {
	web     string // with http://
	tracker string
}

// configure writes a configuration on free ports.
func configure(dir string) (at addresses, err error) {
	keys := map[string]string{
		"hadoop.tmp.dir": filepath.Join(dir, "data"), "fs.defaultFS": "file:///", "yarn.resourcemanager.recovery.enabled": "true",
		"yarn.nodemanager.local-dirs": filepath.Join(dir, "local"), "yarn.nodemanager.log-dirs": filepath.Join(dir, "logs"),
		"yarn.nodemanager.resource.memory-mb": "4096", "yarn.nodemanager.resource.cpu-vcores": "4", "yarn.nodemanager.aux-services": "mapreduce_shuffle",
		"yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.9",
		"yarn.scheduler.capacity.root.queues":                                           "default", "yarn.scheduler.capacity.root.default.capacity": "100",
	}
	var open []net.Listener
	for _, key := range []string{"yarn.resourcemanager.webapp.address", "yarn.resourcemanager.address", "yarn.resourcemanager.scheduler.address",
		"yarn.resourcemanager.resource-tracker.address", "yarn.resourcemanager.admin.address", "yarn.nodemanager.address", "yarn.nodemanager.localizer.address",
		"yarn.nodemanager.webapp.address", "mapreduce.shuffle.port"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return at, err
		}
		open = append(open, l)
		keys[key] = l.Addr().String()
	}
	for _, l := range open { // held together, so that no port came twice
		if err := l.Close(); err != nil {
			return at, err
		}
	}
	_, keys["mapreduce.shuffle.port"], _ = net.SplitHostPort(keys["mapreduce.shuffle.port"])
	text := conf.XML(keys)
	for _, name := range []string{"core-site.xml", "yarn-site.xml", "mapred-site.xml", "capacity-scheduler.xml"} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return at, err
		}
	}
	return addresses{"http://" + keys["yarn.resourcemanager.webapp.address"], keys["yarn.resourcemanager.resource-tracker.address"]}, nil
}

// daemon is a started process; a goroutine waits for its end.
type daemon struct {
	name  string
	began time.Time
	cmd   *exec.Cmd
	log   bytes.Buffer // read after done
	done  chan struct{}
}

func begin(ctx context.Context, dir, binary, name string) (*daemon, error) {
	d := &daemon{name: name, done: make(chan struct{}), cmd: exec.CommandContext(ctx, binary, name, "--config", dir)}
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.began = time.Now()
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = d.cmd.Wait() // its log says why
		close(d.done)
	}()
	return d, nil
}

// until polls ready and returns the time since exec.
func (d *daemon) until(ready func() bool) (time.Duration, error) {
	for time.Since(d.began) < patience {
		if ready() {
			return time.Since(d.began), nil
		}
		select {
		case <-d.done:
			return 0, fmt.Errorf("the %s ended:\n%s", d.name, d.log.String())
		case <-time.After(time.Millisecond):
		}
	}
	d.end()
	return 0, fmt.Errorf("the %s was not ready within %s:\n%s", d.name, patience, d.log.String())
}

func (d *daemon) kill() {
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.done
}

func (d *daemon) end() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	<-d.done
}

// resident is the daemon's memory in kB.
func (d *daemon) resident() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			return strconv.ParseInt(f[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("no VmRSS of the %s", d.name)
}

func get(url string, into any) bool {
	client := http.Client{Timeout: time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if into == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	} else {
		err = json.NewDecoder(resp.Body).Decode(into)
	}
	return err == nil && resp.StatusCode == http.StatusOK
}
