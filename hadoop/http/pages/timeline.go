package pages

// Timeline shows what happened when, as bars over one span of time.
type Timeline struct {
	From, To int64 // ms
	Running  bool  // To is now
	Rows     []Stretch
	More     int // rows that are not shown
}

// Stretch is one row: an application, an attempt, a container.
type Stretch struct {
	Name, Path, Note string
	Depth            int
	Parts            []Part
}

// Part is a bar from one moment to another (ms); To 0 is still going on.
type Part struct {
	From, To int64
	Class    string // waiting, starting, running, ended, failed
	Title    string // what goes on
}

// scale is the number of units across a timeline's bar.
const scale = 1000

// Block is a part as drawn.
type Block struct {
	X, Width int64
	Class    string
	Title    string
}

// Blocks are a row's parts in units of the bar. Each is at least visible.
func (t Timeline) Blocks(s Stretch) (out []Block) {
	span := max(1, t.To-t.From)
	at := func(ms int64) int64 { return (min(max(ms, t.From), t.To) - t.From) * scale / span }
	for _, p := range s.Parts {
		to := p.To
		if to == 0 {
			to = t.To
		}
		x := at(p.From)
		width := max(at(to)-x, 4)
		out = append(out, Block{min(x, scale-4), width, p.Class, p.Title + ", " + Took(p.From, p.To, t.To)})
	}
	return out
}

// Begin and End are a row's first and last moment; End is 0 while it goes on.
func (s Stretch) Begin() int64 {
	if len(s.Parts) == 0 {
		return 0
	}
	return s.Parts[0].From
}

// End is the row's last moment, 0 while it goes on.
func (s Stretch) End() int64 {
	if len(s.Parts) == 0 {
		return 0
	}
	return s.Parts[len(s.Parts)-1].To
}
