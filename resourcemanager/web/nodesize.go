package web

import (
	"math"
	"net/http"

	hadoophttp "heddle/hadoop/http"
	"heddle/resourcemanager/core"
	"heddle/yarn"
)

// resize changes what a node offers, as `yarn rmadmin -updateNodeResource` does; it answers with what it offers now.
func (w *Web) resize(who string, r *http.Request) (reply, error) {
	id, err := yarn.ParseNodeID(r.PathValue("id"))
	if err != nil {
		return reply{}, hadoophttp.Illegal("Invalid NodeId [%s]. Expected host:port", r.PathValue("id"))
	}
	if _, known := w.view().Nodes.Get(id); !known {
		return reply{}, hadoophttp.NotFound("nodeId, %s, is not found", id)
	}
	body, err := hadoophttp.ReadTree(r, "resourceOption")
	if err != nil {
		return reply{}, err
	}
	size, err := w.nodeSize(body)
	if err != nil {
		return reply{}, err
	}
	if err := w.service.ResizeNodesAs(r.Context(), who, map[yarn.NodeID]core.NodeResource{id: size}); err != nil {
		return reply{}, refused(err, "Failed to update the node resource "+id.String()+".", "")
	}
	now, _ := w.view().Nodes.Get(id)
	if now == nil {
		return reply{}, hadoophttp.NotFound("nodeId, %s, is not found", id)
	}
	a := ok("resourceInfo", w.resource(now.Total))
	a.rooted = true
	return a, nil
}

// nodeSize reads a resourceOption. Types that it does not name stay as they are; an empty one is refused, where Java
// makes the node offer nothing.
func (w *Web) nodeSize(body *hadoophttp.Tree) (core.NodeResource, error) {
	x := &reader{}
	size := core.NodeResource{Millis: -1}
	for i := range size.Total {
		size.Total[i] = -1
	}
	set := func(i int, n *int64) {
		if n != nil {
			size.Total[i] = *n
		}
	}
	t := body.Get("resource")
	if t == nil {
		x.fail("the body has no resource")
		return size, x.err
	}
	set(yarn.Memory, x.integer(t, "memory", 0, math.MaxInt64))
	set(yarn.VCores, x.integer(t, "vCores", 0, math.MaxInt32))
	types := w.service.Settings.Types
	for _, info := range t.Get("resourceInformations").List("resourceInformation") {
		i := types.Index(info.Text("name"))
		if i < 0 {
			x.fail("this cluster has no resource type %.60q", info.Text("name"))
			continue
		}
		set(i, x.integer(info, "value", 0, math.MaxInt64))
	}
	if n := x.integer(body, "overCommitTimeout", -1, math.MaxInt32); n != nil {
		size.Millis = *n
	}
	return size, x.err
}
