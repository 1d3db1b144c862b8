package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// launcher is a program that starts one command several times, and the variable by
// which a copy learns how many there are.
type launcher struct{ name, variable string }

var launchers = []launcher{
	{"torchrun, accelerate or deepspeed", "WORLD_SIZE"},
	{"torchrun", "LOCAL_WORLD_SIZE"},
	{"a training operator, which starts one for each node", "PET_NNODES"}, // its pods run the command themselves
	{"mpirun of Open MPI", "OMPI_COMM_WORLD_SIZE"},
	{"mpirun of MPICH or Intel MPI", "PMI_SIZE"},
	{"mpirun of Hydra", "MPI_LOCALNRANKS"},
	{"mpirun of MVAPICH", "MV2_COMM_WORLD_SIZE"},
	{"jsrun", "JSM_NAMESPACE_SIZE"},
	{"Cray's aprun", "PALS_NRANKS"},
	{"srun", "SLURM_STEP_NUM_TASKS"},
}

// wantOneProcess is an error where a launcher started several copies of this
// command: each would train all of the data by itself, into the same folder.
func wantOneProcess(env func(string) string) error {
	candidates := slices.Clone(launchers)
	if env("SLURM_STEP_ID") != "" { // a batch script has SLURM_NTASKS too, and is one process
		candidates = append(candidates, launcher{"srun", "SLURM_NTASKS"})
	}
	for _, l := range candidates {
		if text := env(l.variable); most(text) > 1 {
			return fmt.Errorf(
				"%s is %s: %s started several copies of this command, and each would train by itself into the same folder; llmhost trains in one process, so start it once, without the launcher, or unset %s if it is left over from another",
				l.variable,
				text,
				l.name,
				l.variable,
			)
		}
	}
	return nil
}

var numbers = regexp.MustCompile(`[0-9]+`)

// most is the largest number in a text: how many copies, or from how many to how many.
func most(text string) (most int) {
	for _, digits := range numbers.FindAllString(text, -1) {
		n, _ := strconv.Atoi(digits) // 0 where it is beyond any number of copies
		most = max(most, n)
	}
	return most
}
