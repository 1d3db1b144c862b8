package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"llmhost/host/jsonerror"
	"llmhost/host/model/hfconfig"
	"llmhost/host/nn"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
)

// ConfigName and its companion are the files of a model besides its weights
// and its tokenizer.
const (
	ConfigName           = "config.json"
	GenerationConfigName = "generation_config.json"
)

// Options say where a model lives and in which types.
type Options struct {
	Device  tensor.Device
	Param   tensor.DType // of the weights in memory
	Compute tensor.DType // of matrix products
	Heads   Heads
	// FourBit keeps the weights of all linear maps except heads in 4 bits.
	FourBit bool
	// IgnoreMismatchedSizes initializes a head that the files hold in another size,
	// which is an error otherwise.
	IgnoreMismatchedSizes bool
	// Vocab is how many tokens the model must have at least; rows for those that
	// its files lack are the mean of the others. 0 = as many as it has.
	Vocab int64
	// CutVocab leaves out the tokens of the files beyond Vocab.
	CutVocab bool
	// Untie makes two matrices of one that is both embedding and head for tokens.
	Untie bool
}

// Model is a model that is open, with the text of its config.json.
type Model struct {
	Backbone
	Path       string
	ConfigText []byte // as it was read: the file that is written back has its layout
	Config     Config
	Unused     []string // tensors of the files that the model has no place for
	Fresh      []string // parameters of heads that the files lacked and that were drawn at random
	Grown      int64    // tokens that the files lacked; below 0, those that were cut off
	// Untied says that config.json tied the head that predicts tokens to the input
	// embedding, and that they are two matrices, by the files or by Options.Untie.
	Untied bool

	Heads   Heads
	Score   *nn.Linear            // [1, hidden], or nil
	Classes map[string]*nn.Linear // [classes, hidden] by head
	PadID   int64                 // the pad token, which is written beside a score or class head; -1 for none

	class      hfconfig.Class
	generation []byte // the text of generation_config.json, nil where there is none
}

// Config is what the rest of the host reads of config.json, whatever the architecture.
type Config struct {
	ModelType  string  `json:"model_type"`
	VocabSize  int64   `json:"vocab_size"`
	HiddenSize int64   `json:"hidden_size"`
	MaxLength  int64   `json:"max_position_embeddings"`
	NewRange   float64 `json:"initializer_range"` // deviation of new matrices
}

// Load reads a model from a Hugging Face folder. Errors name the file, and for
// a tensor what config.json wants of it.
func Load(path string, o Options) (*Model, error) {
	f, err := readFolder(path)
	if err != nil {
		return nil, err
	}
	weights, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer weights.Close()
	files := newStored(weights)
	if err := f.settleTie(files, o); err != nil {
		return nil, err
	}
	source := f.orFresh(files, o)
	if o.Vocab > f.Config.VocabSize || o.CutVocab && o.Vocab > 0 {
		if err := f.grow(o.Vocab); err != nil {
			return nil, err
		}
		source = grown(source, f.Grown)
	}
	if err := f.build(o, paramsFrom(source, o)); err != nil {
		return nil, err
	}
	f.Unused = files.unused()
	return f, nil
}

// Create makes a new model with random weights from the text of a config.json.
// Matrices are drawn from N(0, initializer_range²), norms change nothing, biases are 0.
func Create(configText []byte, seed int64, o Options) (*Model, error) {
	f := &Model{ConfigText: configText}
	if err := f.readConfig(); err != nil {
		return nil, fmt.Errorf("config of the new model: %w", err)
	}
	tensor.ManualSeed(seed)
	if err := f.build(o, paramsFrom(f.randomSource(o), o)); err != nil {
		return nil, err
	}
	return f, nil
}

// readConfig reads what does not depend on the architecture.
func (f *Model) readConfig() (err error) {
	if f.class, err = hfconfig.Find(Classes(), f.ConfigText); err != nil {
		return inJSON(f.ConfigText, err)
	}
	if err := f.class.Decode(f.ConfigText, &f.Config); err != nil {
		return inJSON(f.ConfigText, err)
	}
	f.PadID, err = f.readPad()
	return err
}

// ReadConfig reads Config from the config.json of a model folder.
func ReadConfig(path string) (Config, error) {
	f, err := readFolder(path)
	if err != nil {
		return Config{}, err
	}
	return f.Config, nil
}

func readFolder(path string) (*Model, error) {
	f := &Model{Path: path}
	name := filepath.Join(path, ConfigName)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file; model_name_or_path wants a folder in Hugging Face's layout", name)
	}
	if err != nil {
		return nil, err
	}
	f.ConfigText = text
	if err := f.readConfig(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f.generation, err = os.ReadFile(filepath.Join(path, GenerationConfigName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return f, nil
}

// Twin is the model once more: frozen weights are on the same memory, trained ones
// are copied. It is freed by itself.
func (f *Model) Twin(device tensor.Device) (*Model, error) {
	twin := &Model{Path: f.Path, ConfigText: f.ConfigText, Config: f.Config, PadID: f.PadID, class: f.class}
	return twin, twin.build(Options{Device: device, Heads: f.Heads}, f.Params().Twin())
}

func paramsFrom(source nn.Source, o Options) *nn.Params {
	p := nn.NewParams(source, o.Compute)
	p.FourBit = o.FourBit
	return p
}

// build chooses the architecture.
func (f *Model) build(o Options, p *nn.Params) (err error) {
	name := filepath.Join(f.Path, ConfigName)
	defer func() {
		if err != nil {
			p.Free()
		}
	}()
	defer CatchSource(&err)
	defer tensor.Catch(&err)
	heads := o.Heads
	heads.LM = heads.predict()
	if f.Backbone, err = architectureOf(f.class).open(f.ConfigText, o.Device, p, heads.LM); err != nil {
		return fmt.Errorf("%s: %w", name, inJSON(f.ConfigText, err))
	}
	f.addHeads(p, heads)
	return nil
}

// inJSON says where and why a text is not the JSON that it should be; any other
// error stays as it is.
func inJSON(text []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("is not JSON: %w; copy or download it again", jsonerror.Explain(text, err))
	}
	return jsonerror.Explain(text, err)
}

// WeightsDigest returns the sha256 over the weight files of a model folder, in
// the order of their names.
func WeightsDigest(folder string) (string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, e := range entries {
		ours, _ := filepath.Match("model*.safetensors", e.Name())
		if !ours && e.Name() != "adapter_model.safetensors" {
			continue
		}
		f, err := os.Open(filepath.Join(folder, e.Name()))
		if err != nil {
			return "", err
		}
		_, err = io.Copy(sum, f)
		f.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
