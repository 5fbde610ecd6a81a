package org.pytorch.executorch

/** ExecuTorch's classes for tests on a computer: a tensor is its numbers, a front-end doubles them. */
class Tensor(val memory: FloatArray, private val shape: LongArray) {
    val dataAsFloatArray: FloatArray get() = memory.copyOf()
    fun shape(): LongArray = shape

    companion object {
        @JvmStatic
        fun fromBlob(data: FloatArray, shape: LongArray) = Tensor(data, shape)
    }
}

class EValue(private val tensor: Tensor) {
    fun toTensor() = tensor

    companion object {
        @JvmStatic
        fun from(tensor: Tensor) = EValue(tensor)
    }
}

class Module {
    fun forward(vararg inputs: EValue): Array<EValue> {
        val given = inputs.single().toTensor()
        return arrayOf(EValue(Tensor(FloatArray(given.memory.size) { 2 * given.memory[it] }, given.shape())))
    }

    fun destroy() = Unit

    companion object {
        @JvmStatic
        fun load(path: String): Module {
            if (!java.io.File(path).isFile) throw Exception("$path: no file") // a plain one, as ExecuTorch's
            return Module()
        }
    }
}
