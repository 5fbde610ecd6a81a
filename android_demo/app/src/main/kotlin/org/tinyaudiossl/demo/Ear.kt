package org.tinyaudiossl.demo

import java.io.File
import java.io.IOException
import org.tinyaudiossl.demo.drawing.History
import org.tinyaudiossl.encoder.ClipRecorder
import org.tinyaudiossl.encoder.ClipStore
import org.tinyaudiossl.encoder.Match
import org.tinyaudiossl.encoder.Present
import org.tinyaudiossl.encoder.Prototypes
import org.tinyaudiossl.encoder.SoundsException
import org.tinyaudiossl.encoder.Teaching
import org.tinyaudiossl.encoder.TinyAudioEncoder
import org.tinyaudiossl.encoder.rms

/**
 * Microphone, encoder and taught sounds. It outlives a rotation of the screen, so it knows no view.
 * [onHeard] and [onFailure] are called on the microphone's thread.
 */
class Ear(val encoder: TinyAudioEncoder, private val soundsFile: File, clips: ClipStore) : AutoCloseable {
    val history = History()

    @Volatile
    var onHeard: () -> Unit = {}

    @Volatile
    var onFailure: (String) -> Unit = {}

    @Volatile
    var keepsClips = false

    @Volatile
    var match: Match? = null
        private set

    /** Kept in a file from one start to the next. */
    @Volatile
    var sounds: Prototypes = read()
        set(value) {
            field = value
            match = null
            write(value)
        }

    /** An example that was heard, as long as its name is being asked for. */
    var unnamed: FloatArray? = null

    var listening = false
        private set

    val keptClips: Int get() = recorder.kept

    private val recorder = ClipRecorder(clips, SAMPLE_RATE_HZ)
    private val microphone = Microphone(SAMPLE_RATE_HZ, ::hear) { onFailure(it) }
    private val present = Present(maxOf(1, PRESENT_S * SAMPLE_RATE_HZ / encoder.hopSamples))
    private val lock = Any()
    private var teaching: Teaching? = null

    /** The caller holds the permission. */
    fun start() {
        if (listening) return
        listening = true
        encoder.reset() // what was heard before the break is another sound
        present.reset()
        recorder.reset()
        microphone.start()
    }

    fun stop() {
        microphone.stop()
        endTeaching() // who held the button can't let go of it any more
        listening = false
        match = null
    }

    fun beginTeaching() = synchronized(lock) { teaching = Teaching() }

    /** What was heard since, or null. */
    fun endTeaching(): FloatArray? =
        synchronized(lock) { teaching?.example().also { teaching = null } }

    override fun close() {
        stop()
        encoder.close()
    }

    private fun hear(pcm: FloatArray, count: Int) {
        val level = rms(pcm, count)
        history.addLevel(level)
        if (keepsClips) recorder.push(pcm, count)
        for (found in encoder.push(pcm, count)) {
            if (found.endSample < encoder.artifact.fullAfterSamples) continue // silence before the sound
            history.addEmbedding(found.vector)
            synchronized(lock) { teaching?.add(found.learned, level) }
            match = sounds.nearest(present.add(found.learned, level))
        }
        onHeard()
    }

    /** Adds the sounds of a file that this app or the page for browsers wrote. Throws [SoundsException]. */
    fun importSounds(text: String): Int {
        val read = parse(text)
        sounds = sounds.joined(read).withThreshold(read.threshold)
        return read.counts.size
    }

    private fun read(): Prototypes = try {
        if (soundsFile.isFile) parse(soundsFile.readText()) else none()
    } catch (_: SoundsException) {
        none() // of an earlier version of the app, with another encoder
    }

    private fun parse(text: String) =
        Prototypes.fromJson(text, encoder.artifact.sha256, encoder.artifact.learnedDim, encoder.comparison)

    private fun none() = Prototypes(encoder.artifact.sha256, comparison = encoder.comparison)

    private fun write(sounds: Prototypes) {
        try {
            val part = File(soundsFile.path + ".part")
            part.writeText(sounds.toJson())
            if (!part.renameTo(soundsFile)) throw IOException("$soundsFile cannot be written")
        } catch (error: IOException) {
            onFailure(error.message ?: error.toString())
        }
    }

    companion object {
        const val SAMPLE_RATE_HZ = 16_000
        private const val PRESENT_S = 2
    }
}
