package org.pytorch.executorch

import java.io.File
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.NativeEngine
import org.tinyaudiossl.federated.training.TrainingEngine

/** ExecuTorch's classes for tests on a computer: a tensor is its numbers. */
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

/** A front-end that doubles its input, or that of [engine]. */
class Module private constructor(private val engine: TrainingEngine?) {
    fun forward(vararg inputs: EValue): Array<EValue> {
        val given = inputs.single().toTensor()
        val found = engine?.logMel(given.memory) ?: FloatArray(given.memory.size) { 2 * given.memory[it] }
        return arrayOf(EValue(Tensor(found, given.shape())))
    }

    fun destroy() {
        engine?.close()
    }

    companion object {
        @JvmStatic
        fun load(path: String): Module {
            if (!File(path).isFile) throw Exception("$path: no file") // a plain one, as ExecuTorch's
            return Module(engine(folder(path)))
        }
    }
}

/** The device's folder that an artifact is in. */
internal fun folder(artifact: String): DeviceFolder = DeviceFolder.open(File(artifact).parentFile)

/** ExecuTorch's runtime for Linux if the property `engine` names its library; otherwise null. */
internal fun engine(folder: DeviceFolder): TrainingEngine? =
    System.getProperty("engine")?.let { NativeEngine(File(it), folder) }
