//go:build interop

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const hadoopVersion = "3.4.2"

// CacheDir is where the set-up scripts keep what they fetched.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache of the set-up scripts: %w", err)
	}
	return filepath.Join(dir, "heddle"), nil
}

// Jars is the folder of Hadoop's jars that test/setup/hadoop.sh fetched.
func Jars() (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	jars := filepath.Join(cache, "hadoop-"+hadoopVersion)
	if _, err := os.Stat(filepath.Join(jars, "heddle-clients.jar")); err != nil {
		return "", fmt.Errorf("Hadoop's jars are not prepared, run test/setup/hadoop.sh: %w", err)
	}
	return jars, nil
}

// ClientJars is the folder of one version's client jars that test/setup/clients.sh fetched.
func ClientJars(version string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	jars := filepath.Join(cache, "clients-of-"+version)
	if _, err := os.Stat(filepath.Join(jars, ".complete")); err != nil {
		return "", fmt.Errorf("Hadoop %s's client jars are not there, run test/setup/clients.sh %s: %w", version, version, err)
	}
	return jars, nil
}

// WithJars is the same running cluster for clients of other jars.
func (c *Cluster) WithJars(dir string) *Cluster {
	other := *c
	other.jars = dir
	return &other
}

// JarsDir is where this cluster's clients have their jars.
func (c *Cluster) JarsDir() string { return c.jars }

func javaCommand(classPath, class string, args ...string) []string {
	return append([]string{"java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED",
		"-cp", classPath, class}, args...)
}

func (c *Cluster) classPath() string { return c.ConfDir() + ":" + c.jars + "/*" }

// Classes of Hadoop's client programs.
const (
	ApplicationCLI   = "org.apache.hadoop.yarn.client.cli.ApplicationCLI"
	NodeCLI          = "org.apache.hadoop.yarn.client.cli.NodeCLI"
	QueueCLI         = "org.apache.hadoop.yarn.client.cli.QueueCLI"
	LogsCLI          = "org.apache.hadoop.yarn.client.cli.LogsCLI"
	RMAdminCLI       = "org.apache.hadoop.yarn.client.cli.RMAdminCLI"
	Examples         = "org.apache.hadoop.examples.ExampleDriver"
	DistributedShell = "org.apache.hadoop.yarn.applications.distributedshell.Client"
	FsShell          = "org.apache.hadoop.fs.FsShell"
)

// output takes the writes of two pipes. It has no other methods of a buffer: io.Copy would go around the lock by them.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Run is one run of a client program.
type Run struct {
	Out    string // standard output and error
	Stdout string
	Code   int
}

// Command is a program that the caller starts; it ends with ctx, and all that it started with it.
func Command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// JavaCommand is a run of a class that the caller starts; it ends with ctx.
func (c *Cluster) JavaCommand(ctx context.Context, user, class string, args ...string) *exec.Cmd {
	cmd := Command(ctx, javaCommand(c.classPath(), class, args...)...)
	cmd.Dir = c.options.Dir
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+c.ConfDir())
	if user != "" {
		cmd.Env = append(cmd.Env, "HADOOP_USER_NAME="+user)
	}
	return cmd
}

// Java runs a class of Hadoop's jars (or of test/interop/java) as the given user and waits for its end.
// The user is what an insecure cluster believes; empty is the one who runs the test.
func (c *Cluster) Java(ctx context.Context, user, class string, args ...string) (Run, error) {
	cmd := c.JavaCommand(ctx, user, class, args...)
	var out, stdout output
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, &stdout), &out
	err := cmd.Run()
	if ctx.Err() != nil {
		return Run{}, fmt.Errorf("running %s: %w; it printed:\n%s", class, ctx.Err(), out.String())
	}
	if cmd.ProcessState == nil {
		return Run{}, fmt.Errorf("running %s: %w", class, err)
	}
	return Run{out.String(), stdout.String(), cmd.ProcessState.ExitCode()}, nil
}

// Shell runs Hadoop's DistributedShell.
func (c *Cluster) Shell(ctx context.Context, user string, args ...string) (Run, error) {
	jars, err := filepath.Glob(filepath.Join(c.jars, "hadoop-yarn-applications-distributedshell-*.jar"))
	if err != nil || len(jars) != 1 {
		return Run{}, fmt.Errorf("finding DistributedShell's jar in %s: %d found, %v", c.jars, len(jars), err)
	}
	return c.Java(ctx, user, DistributedShell, append([]string{"-jar", jars[0]}, args...)...)
}
