// pad_memory: a scratchpad for tests of the memory side alone: one write and one read port, bytes anywhere.
//   grants are withheld with a chance of stall_i/256; data come in the cycle after the grant, else they are noise;
//   what lies beyond PadBytes is not written, and read as anything
// Golden: the scratchpad of accel_models.golden.machine. load_i reads pad.hex, dump_i writes pad.dump, a byte a line.
// Combinational path: none. For simulation only.
`default_nettype none
module pad_memory #(
  parameter  int unsigned PadBytes   = 1 << 14,
  parameter  int unsigned WriteBytes = 16,
  parameter  int unsigned ReadBytes  = 8,
  localparam int unsigned WriteW     = $clog2(WriteBytes + 1),
  localparam int unsigned ReadW      = $clog2(ReadBytes + 1)
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic                 [7:0] stall_i,
  input  wire logic                [31:0] seed_i,
  input  wire logic                       load_i,
  input  wire logic                       dump_i,
  input  wire logic                       write_valid_i,
  output      logic                       write_ready_o,
  input  wire logic                [19:0] write_addr_i,
  input  wire logic          [WriteW-1:0] write_count_i,
  input  wire logic [WriteBytes-1:0][7:0] write_data_i,
  input  wire logic                       write_list_i,   // reads four bytes instead
  output      logic                [31:0] list_data_o,
  input  wire logic                       read_valid_i,
  output      logic                       read_ready_o,
  input  wire logic                [19:0] read_addr_i,
  input  wire logic           [ReadW-1:0] read_count_i,
  output      logic  [ReadBytes-1:0][7:0] read_data_o
);
  logic [7:0] bytes [PadBytes];

  logic [63:0] noise_q, noise_a, noise_b;
  assign noise_a       = noise_q ^ (noise_q << 13);
  assign noise_b       = noise_a ^ (noise_a >> 7);
  assign write_ready_o = noise_q[7:0] >= stall_i;
  assign read_ready_o  = noise_q[15:8] >= stall_i;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) noise_q <= {seed_i, ~seed_i};
    else noise_q <= noise_b ^ (noise_b << 17);
  end

  always_ff @(posedge clk_i) begin
    for (int lane = 0; lane < int'(ReadBytes); lane++) begin
      if (read_valid_i && read_ready_o && lane < int'(read_count_i)) begin
        read_data_o[lane] <= bytes[int'(read_addr_i) + lane];
      end else begin
        read_data_o[lane] <= noise_q[31:24] ^ 8'(lane);
      end
    end
    for (int lane = 0; lane < 4; lane++) begin
      if (write_valid_i && write_ready_o && write_list_i) list_data_o[8*lane +: 8] <= bytes[int'(write_addr_i) + lane];
      else list_data_o[8*lane +: 8] <= noise_q[39:32] ^ 8'(lane);
    end
    if (read_valid_i) a_reads_something : assert (read_count_i != '0);
    if (write_valid_i) a_writes_something : assert (write_count_i != '0);
  end

  logic load_q, dump_q;
  always @(posedge clk_i) begin
    load_q <= load_i;
    dump_q <= dump_i;
    if (load_i && !load_q) $readmemh("pad.hex", bytes);
    if (dump_i && !dump_q) $writememh("pad.dump", bytes);
    if (write_valid_i && write_ready_o && !write_list_i) begin
      for (int lane = 0; lane < int'(WriteBytes); lane++) begin
        if (lane < int'(write_count_i) && int'(write_addr_i) + lane < int'(PadBytes)) begin
          bytes[int'(write_addr_i) + lane] <= write_data_i[lane];
        end
      end
    end
  end
endmodule
`default_nettype wire
