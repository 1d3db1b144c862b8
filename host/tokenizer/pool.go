package tokenizer

import (
	"runtime"
	"sync"
)

const (
	// maxInstances bounds the instances of one tokenizer or template. Each has a vocabulary
	// of its own: up to some hundred megabytes for one of 128,000 tokens.
	maxInstances = 8
	// maxGrowth is how many bytes an instance's memory may have grown since it
	// was loaded and still be kept: memory of WebAssembly never shrinks.
	maxGrowth = 1 << 30
)

// pool lends instances to callers and makes a new one only when all are in use.
type pool struct {
	start func() (*instance, error)
	limit chan struct{}

	mu   sync.Mutex
	idle []*instance // last in, first out, so that few stay warm
}

func newPool(start func() (*instance, error)) *pool {
	return &pool{start: start, limit: make(chan struct{}, min(runtime.GOMAXPROCS(0), maxInstances))}
}

// use lends an instance to work. One that trapped or grew too large is closed
// afterwards.
func (p *pool) use(work func(*instance) error) error {
	p.limit <- struct{}{}
	defer func() { <-p.limit }()
	i, err := p.get()
	if err != nil {
		return err
	}
	err = work(i)
	if i.dead || i.module.Memory().Size()-i.base > maxGrowth {
		i.close()
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, i)
	return err
}

func (p *pool) get() (*instance, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		i := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return i, nil
	}
	p.mu.Unlock()
	return p.start()
}

// empty closes the instances that nobody uses.
func (p *pool) empty() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.idle {
		i.close()
	}
	p.idle = nil
}
