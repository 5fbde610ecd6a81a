package android.media;

public class AudioRecord {
    public static final int STATE_INITIALIZED = 1;
    public AudioRecord(int source, int rateHz, int channels, int format, int bytes) {}
    public static int getMinBufferSize(int rateHz, int channels, int format) { throw new RuntimeException("Stub!"); }
    public int getState() { throw new RuntimeException("Stub!"); }
    public int getSampleRate() { throw new RuntimeException("Stub!"); }
    public void startRecording() { throw new RuntimeException("Stub!"); }
    public int read(short[] into, int offset, int count) { throw new RuntimeException("Stub!"); }
    public void release() { throw new RuntimeException("Stub!"); }
}
