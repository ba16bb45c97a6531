//go:build interop

package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"heddle/hadoop/fs"
)

// HDFS is a real NameNode with DataNodes.
type HDFS struct {
	dir      string
	port     int
	web      int
	name     *process
	data     []*process
	settings map[string]string
}

// URI is the file system's address.
func (h *HDFS) URI() string { return "hdfs://127.0.0.1:" + strconv.Itoa(h.port) }

// Get makes HDFS the settings of a file system dialer.
func (h *HDFS) Get(key string) (string, bool) {
	v, ok := h.settings[key]
	return v, ok
}

// StartHDFS formats and starts a NameNode and a DataNode under dir, and makes /user and /tmp/logs open to all.
func StartHDFS(ctx context.Context, dir string) (*HDFS, error) { return StartReplicated(ctx, dir, 1) }

// StartReplicated is StartHDFS with several DataNodes, on each of which a file must be before it is complete.
func StartReplicated(ctx context.Context, dir string, dataNodes int) (*HDFS, error) {
	jars, err := Jars()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts("nn", "nnweb")
	if err != nil {
		return nil, err
	}
	h := &HDFS{dir: dir, port: ports["nn"], web: ports["nnweb"]}
	copies := strconv.Itoa(dataNodes)
	conf := filepath.Join(dir, "conf")
	for _, d := range []string{"webapps/hdfs", "webapps/datanode"} { // the daemons want these on the class path, empty is enough
		if err := os.MkdirAll(filepath.Join(conf, d), 0o755); err != nil {
			return nil, fmt.Errorf("preparing HDFS: %w", err)
		}
	}
	h.settings = map[string]string{
		"fs.defaultFS": h.URI(), "hadoop.tmp.dir": filepath.Join(dir, "tmp"), "dfs.replication": copies,
	}
	local := func(name string) string { return "127.0.0.1:" + strconv.Itoa(ports[name]) }
	err = WriteXML(filepath.Join(conf, "hdfs-site.xml"), map[string]string{
		"dfs.replication": copies, "dfs.namenode.replication.min": copies, "dfs.namenode.http-address": local("nnweb"), "dfs.namenode.name.dir": filepath.Join(dir, "name"),
		"dfs.datanode.address": "127.0.0.1:0", "dfs.datanode.http.address": "127.0.0.1:0", "dfs.datanode.ipc.address": "127.0.0.1:0",
	})
	if err == nil {
		err = WriteXML(filepath.Join(conf, "core-site.xml"), h.settings)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(conf, "log4j.properties"), []byte(log4j), 0o644)
	}
	if err == nil { // counters in /jmx are a second old at most
		err = os.WriteFile(filepath.Join(conf, "hadoop-metrics2.properties"), []byte("*.period=1\n"), 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("preparing HDFS: %w", err)
	}
	if err := h.start(ctx, conf+":"+jars+"/*", dataNodes); err != nil {
		h.Stop()
		return nil, err
	}
	return h, nil
}

func (h *HDFS) start(ctx context.Context, classPath string, dataNodes int) error {
	const nameNode = "org.apache.hadoop.hdfs.server.namenode.NameNode"
	format := javaCommand(classPath, nameNode, "-format", "-nonInteractive", "-force")
	if out, err := exec.CommandContext(ctx, format[0], format[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("formatting HDFS: %w\n%s", err, out)
	}
	var err error
	if h.name, err = start("namenode", filepath.Join(h.dir, "namenode.log"), nil, javaCommand(classPath, nameNode)...); err != nil {
		return err
	}
	for i := range dataNodes {
		name := "datanode" + strconv.Itoa(i)
		command := javaCommand(classPath, "org.apache.hadoop.hdfs.server.datanode.DataNode", "-Ddfs.datanode.data.dir="+filepath.Join(h.dir, name))
		p, err := start(name, filepath.Join(h.dir, name+".log"), nil, command...)
		if err != nil {
			return err
		}
		h.data = append(h.data, p)
	}
	return h.data[0].await(ctx, time.Minute, "take a file", h.writable)
}

// Calls counts the calls that the NameNode has answered, by method and without those of DataNodes; it waits until no more come.
func (h *HDFS) Calls(ctx context.Context) (map[string]int, error) {
	for last := map[string]int(nil); ; {
		now, err := h.calls(ctx)
		if err != nil || last != nil && maps.Equal(last, now) {
			return now, err
		}
		last = now
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(2500 * time.Millisecond): // longer than the counters are old
		}
	}
}

func (h *HDFS) calls(ctx context.Context) (map[string]int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/jmx?qry=Hadoop:service=NameNode,name=RpcDetailedActivityForPort%d", h.web, h.port), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the NameNode's counters: %w", err)
	}
	defer resp.Body.Close()
	var all struct{ Beans []map[string]any }
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		return nil, fmt.Errorf("the NameNode's counters: %w", err)
	}
	if len(all.Beans) != 1 {
		return nil, fmt.Errorf("the NameNode's counters: %d beans for its port", len(all.Beans))
	}
	out := map[string]int{}
	for name, v := range all.Beans[0] {
		method, counts := strings.CutSuffix(name, "NumOps")
		n, number := v.(float64)
		if counts && number && !slices.Contains(dataNodeCalls, method) && !strings.HasPrefix(method, "Overall") && !strings.HasSuffix(method, "Exception") {
			out[method] = int(n)
		}
	}
	return out, nil
}

var dataNodeCalls = []string{"SendHeartbeat", "BlockReport", "BlockReceivedAndDeleted", "RegisterDatanode", "VersionRequest", "SendLifeline"}

// Freeze stops a DataNode's process, and Thaw lets it go on.
func (h *HDFS) Freeze(dataNode int) error {
	return syscall.Kill(h.data[dataNode].cmd.Process.Pid, syscall.SIGSTOP)
}

// Thaw is the end of Freeze.
func (h *HDFS) Thaw(dataNode int) error {
	return syscall.Kill(h.data[dataNode].cmd.Process.Pid, syscall.SIGCONT)
}

func (h *HDFS) writable() error {
	files, err := h.Open("root")
	if err != nil {
		return err
	}
	defer files.Close()
	for _, dir := range []string{"/user", "/tmp", "/tmp/logs"} {
		if err := files.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		if err := files.Chmod(dir, 0o1777); err != nil {
			return err
		}
	}
	f, err := files.Create("/tmp/probe", 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte("probe")); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return files.Remove("/tmp/probe")
}

// Open is the file system seen by user.
func (h *HDFS) Open(user string) (fs.FileSystem, error) {
	d := &fs.Dialer{Conf: h}
	files, _, err := d.Open(h.URI()+"/", user)
	return files, err
}

// Stop ends all daemons.
func (h *HDFS) Stop() {
	for _, d := range h.data {
		d.stop()
	}
	h.name.stop()
}
