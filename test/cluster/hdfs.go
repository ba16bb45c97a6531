//go:build interop

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"heddle/hadoop/fs"
)

// HDFS is a real NameNode and DataNode.
type HDFS struct {
	dir      string
	port     int
	name     *process
	data     *process
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
func StartHDFS(ctx context.Context, dir string) (*HDFS, error) {
	jars, err := Jars()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts("nn", "nnweb", "dn", "dnweb", "dnipc")
	if err != nil {
		return nil, err
	}
	h := &HDFS{dir: dir, port: ports["nn"]}
	conf := filepath.Join(dir, "conf")
	for _, d := range []string{"webapps/hdfs", "webapps/datanode"} { // the daemons want these on the class path, empty is enough
		if err := os.MkdirAll(filepath.Join(conf, d), 0o755); err != nil {
			return nil, fmt.Errorf("preparing HDFS: %w", err)
		}
	}
	h.settings = map[string]string{
		"fs.defaultFS": h.URI(), "hadoop.tmp.dir": filepath.Join(dir, "tmp"), "dfs.replication": "1",
	}
	local := func(name string) string { return "127.0.0.1:" + strconv.Itoa(ports[name]) }
	err = WriteXML(filepath.Join(conf, "hdfs-site.xml"), map[string]string{
		"dfs.replication": "1", "dfs.namenode.http-address": local("nnweb"),
		"dfs.namenode.name.dir": filepath.Join(dir, "name"), "dfs.datanode.data.dir": filepath.Join(dir, "data"),
		"dfs.datanode.address": local("dn"), "dfs.datanode.http.address": local("dnweb"), "dfs.datanode.ipc.address": local("dnipc"),
	})
	if err == nil {
		err = WriteXML(filepath.Join(conf, "core-site.xml"), h.settings)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(conf, "log4j.properties"), []byte(log4j), 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("preparing HDFS: %w", err)
	}
	if err := h.start(ctx, conf+":"+jars+"/*"); err != nil {
		h.Stop()
		return nil, err
	}
	return h, nil
}

func (h *HDFS) start(ctx context.Context, classPath string) error {
	const nameNode = "org.apache.hadoop.hdfs.server.namenode.NameNode"
	format := javaCommand(classPath, nameNode, "-format", "-nonInteractive", "-force")
	if out, err := exec.CommandContext(ctx, format[0], format[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("formatting HDFS: %w\n%s", err, out)
	}
	var err error
	if h.name, err = start("namenode", filepath.Join(h.dir, "namenode.log"), nil, javaCommand(classPath, nameNode)...); err != nil {
		return err
	}
	if h.data, err = start("datanode", filepath.Join(h.dir, "datanode.log"), nil, javaCommand(classPath, "org.apache.hadoop.hdfs.server.datanode.DataNode")...); err != nil {
		return err
	}
	return h.data.await(ctx, time.Minute, "take a file", h.writable)
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

// Stop ends both daemons.
func (h *HDFS) Stop() {
	h.data.stop()
	h.name.stop()
}
