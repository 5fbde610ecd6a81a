package org.tinyaudiossl.federated.training

import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * The WAV files below a folder (16-bit, mono, 16 kHz) that are long enough for a clip: names in
 * order, a folder's own files before those of its folders, nothing hidden.
 *
 * @param onSkipped is told why a file is left out.
 */
class Recordings(folder: File, cropSamples: Int, onSkipped: (String) -> Unit) {
    private val files: List<WavFile> = wavFiles(folder).mapNotNull { file ->
        try {
            WavFile.open(file).takeIf { it.samples >= cropSamples }
                ?: null.also { onSkipped("$file: shorter than the $cropSamples samples of a clip") }
        } catch (error: IOException) {
            null.also { onSkipped("$file: ${error.message}") }
        }
    }

    val count: Int get() = files.size

    fun samples(index: Int): Int = files[index].samples

    /** Write [samples] numbers in -1..1 into [target] from [offset] on. */
    fun read(index: Int, start: Int, samples: Int, target: FloatArray, offset: Int) =
        files[index].read(start, samples, target, offset)

    private fun wavFiles(folder: File): List<File> {
        val (folders, files) = folder.listFiles().orEmpty()
            .filterNot { it.name.startsWith(".") }
            .sortedBy { it.name }
            .partition(File::isDirectory)
        return files.filter { it.extension.lowercase() == "wav" } + folders.flatMap(::wavFiles)
    }
}

/** An open WAV file; [dataStart] is the position of its first sample. */
internal class WavFile private constructor(private val file: File, private val dataStart: Long, val samples: Int) {
    fun read(start: Int, count: Int, target: FloatArray, offset: Int) {
        val bytes = ByteArray(2 * count)
        RandomAccessFile(file, "r").use {
            it.seek(dataStart + 2L * start)
            it.readFully(bytes)
        }
        val numbers = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer()
        for (i in 0 until count) target[offset + i] = numbers.get(i) / 32768f
    }

    companion object {
        /**
         * Open a file.
         * @throws IOException [file] is not a WAV file of 16-bit, mono, 16 kHz.
         */
        fun open(file: File): WavFile = RandomAccessFile(file, "r").use { opened(file, it) }

        private fun opened(file: File, input: RandomAccessFile): WavFile {
            val head = part(input, 12)
            if (text(head, 0) != "RIFF" || text(head, 8) != "WAVE") throw IOException("not a WAV file")
            var isKnown = false
            while (true) {
                val chunk = part(input, 8)
                val size = chunk.getInt(4).toLong() and 0xffffffffL
                when (text(chunk, 0)) {
                    "fmt " -> isKnown = isPcm16(part(input, minOf(size, 40L).toInt()))
                    "data" -> {
                        if (!isKnown) throw IOException("expected 16-bit PCM, mono, 16 kHz")
                        val there = minOf(size, input.length() - input.filePointer)
                        return WavFile(file, input.filePointer, (there / 2).toInt())
                    }
                    else -> input.seek(input.filePointer + size + size % 2)
                }
            }
        }

        private fun isPcm16(format: ByteBuffer): Boolean = format.capacity() >= 16 &&
            format.getShort(0).toInt() in listOf(1, 0xfffe - 0x10000) && // plain, extensible
            format.getShort(2).toInt() == 1 && format.getInt(4) == 16_000 && format.getShort(14).toInt() == 16

        private fun part(input: RandomAccessFile, size: Int): ByteBuffer {
            if (size > input.length() - input.filePointer) throw IOException("cut short")
            val bytes = ByteArray(size).also(input::readFully)
            return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
        }

        private fun text(buffer: ByteBuffer, at: Int) = String(buffer.array(), at, 4, Charsets.ISO_8859_1)
    }
}
