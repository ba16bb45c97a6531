package shell

import "context"

const titleNode = "node"

var nodeOptions = options{
	helpOption,
	{name: "status", arg: "NodeId", help: "Shows a node, named host:port."},
	{name: "list", help: "Lists the nodes that run; -states and -all choose others, -showDetails says what they have and use."},
	{name: "states", arg: "States", count: many, comma: true, help: "With -list: nodes in these states, with commas between: NEW, RUNNING, UNHEALTHY, DECOMMISSIONED, LOST, REBOOTED, DECOMMISSIONING, SHUTDOWN."},
	{name: "all", help: "With -list: every node."},
	{name: "showDetails", help: "With -list: more about each node."},
}

// node is `yarn node`.
func (c *Command) node(ctx context.Context, args []string) error {
	p, err := c.parse(nodeOptions, titleNode, args)
	if err != nil {
		return err
	}
	switch {
	case p.has("status"):
		return c.with(func(s *Shell) error { return s.Node(ctx, p.get("status")) })
	case p.has("list"):
		filter := NodeFilter{States: p.values["states"], All: p.has("all")}
		return c.with(func(s *Shell) error { return s.Nodes(ctx, filter, p.has("showDetails")) })
	case p.has("help"):
		return refusal{out: nodeOptions.usage(titleNode)}
	}
	return invalid(nodeOptions, titleNode, 0)
}
