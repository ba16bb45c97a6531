package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"heddle/hadoop/conf"
	"heddle/yarn"
)

// NodeSize is what dynamic-resources.xml says of a node.
type NodeSize struct {
	Total  yarn.Resource // a negative amount leaves the type as it is
	Millis int64         // until what the node holds too much is taken back; negative: never
}

const dynamicFile = "dynamic-resources.xml"

// NodeSizes reads dynamic-resources.xml of the configuration directory (Hadoop's DynamicResourceConfiguration):
// yarn.resource.dynamic.nodes lists host:port, and each has .memory (MB), .vcores and .overcommittimeout (ms). An
// absent file is an empty one.
func (s *Settings) NodeSizes() (map[yarn.NodeID]NodeSize, error) {
	file := filepath.Join(s.Dir, dynamicFile)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	c := conf.New()
	if err := c.AddFile(file); err != nil {
		return nil, err
	}
	v := c.Values()
	out := map[yarn.NodeID]NodeSize{}
	const prefix = "yarn.resource.dynamic."
	for _, node := range c.Strings(prefix + "nodes") {
		i := strings.LastIndexByte(node, ':')
		port, err := strconv.ParseInt(node[i+1:], 10, 32)
		if i <= 0 || err != nil {
			return nil, fmt.Errorf("%snodes in %s: %q is not host:port", prefix, file, node)
		}
		key := prefix + node + "."
		size := NodeSize{Total: yarn.NewResource(v.Int64(key+"memory", -1), v.Int64(key+"vcores", -1)), Millis: v.Int64(key+"overcommittimeout", -1)}
		for t := 2; t < len(size.Total); t++ {
			size.Total[t] = -1
		}
		out[yarn.NodeID{Host: node[:i], Port: int32(port)}] = size
	}
	return out, v.Err()
}
