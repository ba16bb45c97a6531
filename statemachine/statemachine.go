// Package statemachine runs finite state machines that are written down as tables.
//
// A table lists every legal step: from a state, on an event, by an action, to one of
// the states the action may choose. Anything else is refused with both names. The
// same table feeds the diagram in the documentation.
package statemachine

import (
	"fmt"
	"slices"
	"strings"
)

// Step is one legal transition. Action may be nil; where To lists several states the
// action chooses by returning one of them, else its result is ignored and To[0] taken.
type Step[S comparable, E comparable, T any] struct {
	From   S
	On     E
	To     []S
	Action func(T) S
}

// Table is the legal steps of one kind of thing.
type Table[S comparable, E comparable, T any] []Step[S, E, T]

// Machine is a compiled table.
type Machine[S comparable, E comparable, T any] struct {
	steps map[key[S, E]]Step[S, E, T]
	order Table[S, E, T]
}

type key[S comparable, E comparable] struct {
	from S
	on   E
}

// InvalidStep says that an event is not legal in a state.
type InvalidStep struct{ State, Event string }

func (e *InvalidStep) Error() string {
	return fmt.Sprintf("event %s is not legal in state %s", e.Event, e.State)
}

// Compile checks that the table has no ambiguous, endless or empty step. It panics on
// a mistake in the table, which is a mistake in the program.
func Compile[S comparable, E comparable, T any](t Table[S, E, T]) *Machine[S, E, T] {
	m := &Machine[S, E, T]{steps: make(map[key[S, E]]Step[S, E, T], len(t)), order: t}
	for _, s := range t {
		k := key[S, E]{s.From, s.On}
		if _, ok := m.steps[k]; ok {
			panic(fmt.Sprintf("statemachine: %v on %v is listed twice", s.From, s.On))
		}
		if len(s.To) == 0 || (len(s.To) > 1 && s.Action == nil) {
			panic(fmt.Sprintf("statemachine: %v on %v does not say where to", s.From, s.On))
		}
		m.steps[k] = s
	}
	return m
}

// Fire runs the action of the step from state on event and returns the next state.
// An illegal event returns state unchanged and an *InvalidStep.
func (m *Machine[S, E, T]) Fire(state S, event E, subject T) (S, error) {
	step, ok := m.steps[key[S, E]{state, event}]
	if !ok {
		return state, &InvalidStep{fmt.Sprint(state), fmt.Sprint(event)}
	}
	if step.Action == nil {
		return step.To[0], nil
	}
	next := step.Action(subject)
	if len(step.To) == 1 {
		return step.To[0], nil
	}
	if !slices.Contains(step.To, next) {
		return state, fmt.Errorf("the action of %v on %v chose %v, which its step does not list", state, event, next)
	}
	return next, nil
}

// Legal reports whether event may happen in state.
func (m *Machine[S, E, T]) Legal(state S, event E) bool {
	_, ok := m.steps[key[S, E]{state, event}]
	return ok
}

// Steps is the table in the order it was written.
func (m *Machine[S, E, T]) Steps() Table[S, E, T] { return m.order }

// Mermaid is the table as a Mermaid state diagram.
func (m *Machine[S, E, T]) Mermaid() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for _, s := range m.order {
		for _, to := range s.To {
			fmt.Fprintf(&b, "  %v --> %v: %v\n", s.From, to, s.On)
		}
	}
	return b.String()
}
