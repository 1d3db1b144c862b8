package libtch

//#include "torch_api.h"
import "C"

type Ctensor = C.tensor

func AtAnswer(t Ctensor) int { return int(C.at_answer(t)) }
