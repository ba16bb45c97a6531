package jobspec

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a job file.
type Problem struct {
	Line  int    // from 1
	Field string // path in the file, e.g. taskRoles.worker.instances
	Text  string
}

func (p Problem) String() string {
	if p.Field == "" {
		return fmt.Sprintf("line %d: %s", p.Line, p.Text)
	}
	return fmt.Sprintf("line %d: %s: %s", p.Line, p.Field, p.Text)
}

// Problems is the error of a job file: all its mistakes, in order of their lines.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems keeps a hopeless file from filling the screen.
const maxProblems = 50

// diagnosis collects the problems and warnings of one file.
type diagnosis struct {
	problems Problems
	warnings Problems
}

func (d *diagnosis) problem(n node, format string, args ...any) {
	if len(d.problems) < maxProblems {
		d.problems = append(d.problems, Problem{n.line(), n.path, fmt.Sprintf(format, args...)})
	}
}

func (d *diagnosis) warn(n node, format string, args ...any) {
	if len(d.warnings) < maxProblems {
		d.warnings = append(d.warnings, Problem{n.line(), n.path, fmt.Sprintf(format, args...)})
	}
}

func (d *diagnosis) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
	return d.problems
}
